/*
 * The one way to write a maker's secret (Kpm, TS-0003 8.3.2.1): so that a key in hex is never taken for its letters,
 * and a mistyped one is found where it is typed, not in a handshake that fails in silence (lesson 21).
 *
 *   0123-4567-89AB-CDEF-FEDC-BA98-7654-3210=296E
 *
 * The octets, 16 to 64 of them, in hex; then `=` and a check code of four hex digits: CRC-16 of the octets (polynomial
 * 0x1021, start 0xFFFF, neither reflected nor inverted; Python: binascii.crc_hqx(octets, 0xFFFF)). It finds every
 * single wrong digit, every two digits that changed places side by side, and all but one in 65536 of the rest.
 * Hex digits in either case; a `-` or a blank may stand between any two; blanks and line ends around it do not count.
 * oneM2M has no such encoding: this one is ours (doc/decisions/0014).
 */
#ifndef MST_CODEC_SECRET_TEXT_H
#define MST_CODEC_SECRET_TEXT_H

#include "base/diag.h"
#include "base/fault.h"
#include "base/secret.h"
#include "base/writer.h"

#define MST_SECRET_MIN 16
#define MST_SECRET_TEXT_MAX (2 * MST_KEY_MAX + MST_KEY_MAX / 2 + 8)     /* as it is written, NUL included */

/* 0, or MST_FAULT_CONFIG: the reason in `d`, no digit of the secret among it, and an empty key. */
MST_MUST_CHECK int mst_secret_read(struct mst_view text, struct mst_key *ret_k, struct mst_diag *d);
/* Upper case, in groups of four digits. */
void mst_secret_write(const struct mst_key *k, struct mst_writer *w);
uint16_t mst_secret_check(const struct mst_key *k);
/* Hex digits, a single `-` or blank between two at most, into `out`. The number of digits, or -1. */
int mst_secret_digits(struct mst_view v, uint8_t *out, size_t cap);

#endif
