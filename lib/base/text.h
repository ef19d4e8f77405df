/*
 * Hex, base64 (RFC 4648, padded; strict: one spelling per value), UTF-8 and decimal numbers.
 * All decoders refuse what an encoder would not write, except hex, which takes both cases.
 */
#ifndef MST_BASE_TEXT_H
#define MST_BASE_TEXT_H

#include "base/attr.h"
#include "base/writer.h"

void mst_put_hex(struct mst_writer *w, struct mst_view v);          /* upper case: spec 1.4 */
void mst_put_hex_lower(struct mst_writer *w, struct mst_view v);    /* as 3GPP's services have it */
void mst_put_base64(struct mst_writer *w, struct mst_view v);       /* neither this nor what reads it branches on what it is, as of hex below: keys */
/* Percent-encode everything but RFC 3986 unreserved characters. */
void mst_put_percent(struct mst_writer *w, struct mst_view v);

/*
 * What a hexadecimal digit of either case is worth; MST_HEX_NONE: it is none. Nothing branches on it, nor is it an address: keys are
 * read so (tests/hardening/test_constant_time.py).
 */
#define MST_HEX_NONE 0x10
unsigned mst_hex_digit(uint8_t c);

/* Decode into `out`, of which `*ret_n` octets are used. False on bad input or too little room. */
MST_MUST_CHECK bool mst_hex_decode(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n);
MST_MUST_CHECK bool mst_base64_decode(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n);
MST_MUST_CHECK bool mst_percent_decode(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n);

/* Well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
bool mst_utf8_valid(struct mst_view v);
/* In place: each octet that is in no well-formed sequence becomes '?', as half a character where a text was cut. */
void mst_utf8_mend(char *text);
/*
 * How many octets of the text at `p` a terminal and a reader take for what they are: 0 when there stands a control
 * character (C0, DEL, C1), a line or paragraph separator, a character that turns the writing direction (so that a
 * line reads as another one), or no UTF-8.
 */
size_t mst_plain_step(const uint8_t *p, size_t left);
bool mst_text_plain(struct mst_view v);
/* Only octets 0x21..0x7e. */
bool mst_printable_ascii(struct mst_view v);
/* Unsigned decimal without sign, blanks or superfluous leading zero. False when malformed or > max. */
MST_MUST_CHECK bool mst_parse_dec(struct mst_view v, uint64_t max, uint64_t *ret_x);
/* ASCII letters to lower case, in place. */
void mst_ascii_lower(char *s);

#endif
