/*
 * muster-naf: the NAF of GBA before a CSE that speaks none (TS-0003 8.3.2.3, TS 33.222 5.4). A node comes with TLS-PSK and its B-TID;
 * the key is asked of the BSF (Zn; TS 29.309), for our name and the Ua identifier of the suite, and what the node says goes on to the CSE
 * in clear, over loopback or a local socket. Who it is, the BSF says; the CSE is told in a PROXY header (version 2).
 *
 *   zn.c      the questions to the BSF, over one session that is opened again when it has ended
 *   front.c   who comes, and the octets both ways
 *   lists.c   revocation lists for the BSF, and when they end
 *   confine.c what is given up before anybody comes (lib/sandbox)
 *   main.c    settings
 *
 * No key is kept: each handshake asks, so that what the operator takes back is taken back here. A connection ends with its key.
 */
#ifndef NAF_NAF_H
#define NAF_NAF_H

#include <event2/event.h>
#include <stdbool.h>

#include "proto/gba/keys.h"
#include "transport/client.h"
#include "transport/stream.h"

#define NAF_DOMAINS_MAX 8
#define NAF_PEM_MAX 8            /* anchors, and lists */
#define NAF_ASKS_MAX 64          /* handshakes that wait for the BSF at one time */
#define NAF_CONNS_MAX 1024
#define NAF_IDLE_MAX 604800
#define NAF_WORDS 200

/* A revocation list that was read: good until then, and worth a word from `soon` on. */
struct naf_list { mst_time soon, until; };

struct naf_settings {
	char name[MST_ID_MAX];                           /* whose keys are asked for */
	const char *listen, *to;
	char bsf_host[MST_ID_MAX];
	uint16_t bsf_port;
	const char *root, *dial;                         /* of the BSF's URI, ""; where it is really, or NULL */
	const char *domain[NAF_DOMAINS_MAX];             /* what B-TIDs of that BSF end in */
	size_t n_domains;
	const char *certificate, *key, *anchors, *crls;  /* files, read once; crls: NULL, or one whose lists are required */
	struct naf_list list[NAF_PEM_MAX];
	size_t n_lists;
	unsigned idle_s, per_address;                    /* without an octet, a connection ends; connections of one address, at most */
	bool proxy, json, sandbox;
	enum mst_tls_profile profile;
	struct mst_tls_ctx *tls, *tls_bsf;
};

/* What the BSF said, or that it said nothing. */
enum naf_end { NAF_KEY, NAF_REFUSED, NAF_LATER };
struct naf_key { struct mst_key key; char uid[MST_ID_MAX]; mst_time expires; };
typedef void naf_done(void *who, enum naf_end end, const struct naf_key *k, const char *words);

/* zn.c */
struct naf_zn;
struct naf_zn *naf_zn_new(struct event_base *base, const struct naf_settings *s);
struct naf_zn *naf_zn_free(struct naf_zn *z);
/* `origin`: whose question it is; each has its turn. `done` comes from the loop, once, unless forgotten. False: too many wait. */
MST_MUST_CHECK bool naf_zn_ask(struct naf_zn *z, const char *btid, const struct gba_ua *ua, uint64_t origin, naf_done *done, void *who);
void naf_zn_forget(struct naf_zn *z, const void *who);
/* The session with the BSF ends; questions go on another one. */
void naf_zn_anew(struct naf_zn *z);

/* lists.c: tells when a list ends, and ends the session with the BSF then. */
struct naf_watch;
struct naf_watch *naf_watch_new(struct event_base *base, const struct naf_settings *s, struct naf_zn *z);
struct naf_watch *naf_watch_free(struct naf_watch *w);

/* front.c */
struct naf_front;
/* Takes the listening socket over. */
struct naf_front *naf_front_new(struct event_base *base, const struct naf_settings *s, struct naf_zn *z, int listener);
struct naf_front *naf_front_free(struct naf_front *f);
bool naf_to_good(const char *to);            /* --to: can that be dialled at all? */
uint16_t naf_cse_port(const char *to);       /* 0: a local socket */

/* confine.c: once everything is open, and before anything is heard from a peer. 0, and what holds it; or a fault that was told. */
MST_MUST_CHECK int naf_confine(const struct naf_settings *s, char held[NAF_WORDS]);

/* main.c: event, then name, value, …, NULL; an empty value is left out. To standard error. */
void __attribute__((sentinel)) naf_say(const struct naf_settings *s, const char *event, ...);

#endif
