/*
 * libmuster with a subscriber's card: bootstrap through the mobile operator (method gba; 3GPP GBA, TS 33.220; TS-0003 8.3.2.3).
 *
 * A device with a USIM or ISIM needs no certificate and no maker's secret: its card and the operator's bootstrapping server (BSF) make a
 * key, and from that one for the MAF of the instruction, or for its CSE. The device gives access to the card: octets of a command (APDU) in, octets of the
 * answer out, whatever is between: an ISO 7816 interface of the microcontroller, a modem's AT+CSIM, PC/SC.
 *
 * Fill a struct muster_card, name it in muster_config.card, and hand in instructions of method gba. muster_run() does the rest. Who drives the
 * machine himself calls muster_use_card() at MUSTER_WANT_CARD; that calls `exchange` some ten times, one after the other, and returns when the card
 * has done its part (some hundred milliseconds, as far as `exchange` does not block longer). Nothing of the card is held between.
 *
 * Cards with GBA of their own (GBA_U) keep the bootstrapped key and derive the NAF key themselves; which way it goes the operator decides.
 * The BSF is spoken to without TLS (MUSTER_AUTH_NONE): what counts of its answers is proven by the card's key. An https URI in an instruction of this
 * method is that of an MEF behind which an operator's BSF stands (the older arrangement of oneM2M).
 */
#ifndef MUSTER_CARD_H
#define MUSTER_CARD_H

#include <muster/enrolee.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSTER_CARD_SIZE 32768       /* octets that a device with a card needs beside struct muster_enrolee */
#define MUSTER_APDU_MAX 258          /* octets of the longest answer: 256 and the status word */
/* Its content is none of the caller's business; no two machines share one. */
struct muster_card_room { uint64_t opaque[MUSTER_CARD_SIZE / sizeof(uint64_t)]; };

enum muster_card_application {
	MUSTER_CARD_ANY,             /* the ISIM when there is one, else the USIM */
	MUSTER_CARD_USIM,
	MUSTER_CARD_ISIM,
};

/* What a BSF's answer says (BootstrappingInfo of TS 24.109 annex C). Texts need no NUL; they lie in `room`. */
struct muster_bootstrapping {
	struct muster_octets btid;           /* element btid */
	int64_t lifetime;                    /* element lifetime, as seconds since 1970 */
	/* Elements of ours in Extension (namespace urn:uuid:fa5410ff-74bf-4d3b-9c60-39ec6b3666e5); n = 0: not there */
	int64_t current_time;                /* the BSF's clock, as seconds since 1970; 0: not said */
	struct muster_octets configuration;  /* JSON */
};

/* Fill with zeros first. Everything pointed to is borrowed until muster_wipe(). */
struct muster_card {
	size_t size;                 /* sizeof(struct muster_card) */
	struct muster_card_room *room;
	void *ctx;                   /* for the three calls below */
	/*
	 * One command and its answer, status word included, as they are; *ret_n of at most `cap` octets (MUSTER_APDU_MAX). 0; anything else: there is
	 * no card, or it does not answer, which ends the instruction with MUSTER_NO_CARD. What a T=0 card says of waiting octets (61xx, 6Cxx)
	 * is the library's business.
	 */
	int (*exchange)(void *ctx, const unsigned char *command, size_t n, unsigned char *answer, size_t cap, size_t *ret_n);
	/* MD5, which HTTP Digest AKA is built on (RFC 3310); of no other use here. 0, or anything else when it failed. */
	int (*md5)(void *ctx, const void *octets, size_t n, unsigned char out[16]);
	/* Read that XML, with entities off; what does not fit or is not such a document: not 0. */
	int (*bootstrapping_info)(void *ctx, const void *xml, size_t n, void *room, size_t room_n, struct muster_bootstrapping *ret);
	bool t1;                     /* the card is spoken to by T=1 (and the command's Le goes with it): PC/SC says so */
	enum muster_card_application application;
	const char *pin;             /* 4 to 8 digits; NULL: none. Given to the card when that asks for it, once an application is selected */
	/* Where the BSF is when the instruction names an MEF: http://FQDN[:PORT][/PATH]. NULL: the name that TS 23.003 makes of the card's identity */
	const char *bsf;
	/* What the device is called when the BSF does not say: an absolute CSE-ID, like //sp.example.com/C7. NULL: nobody but the BSF says */
	const char *cse_id;
	/* How the B-TID goes into TLS: 0: bare, as oneM2M has it; else behind "3GPP-bootstrapping" and this octet, ';' for example (TS 33.222) */
	char separator;
	/*
	 * Refuse a challenge with the separation bit in AMF, which is for EPS and 5G alone (TS 33.102 annex H), before the card is asked, so that it
	 * counts nothing: MUSTER_FALSE_NETWORK, and muster_detail() has the AMF. A network for GBA should not set it. false: as many cards and phones
	 * do, it is a challenge as any.
	 */
	bool strict_amf;
};

/*
 * At MUSTER_WANT_CARD: let the card do what is asked for. `random`: 16 fresh random octets for each call. What came of it is told to the machine
 * inside the call.
 */
void muster_use_card(struct muster_enrolee *e, const unsigned char random[16], int64_t now, int64_t utc);

#ifdef __cplusplus
}
#endif
#endif
