/*
 * A provider in one process, for tests of the agent alone: an MEF and a MAF on loopback that answer by a
 * script, with the TLS of lib/transport and keys made at run time. What they "store" stays in this struct
 * while agents come, are killed and come again.
 */
#ifndef AGENT_TEST_MOCK_H
#define AGENT_TEST_MOCK_H

#include "crypto/derive.h"
#include "crypto/pki.h"
#include "transport/server.h"

#define MOCK_KEYS 64

struct bufferevent;
struct evconnlistener;

struct mock_key {
	char ke_id[MST_ID_MAX], km_id[MST_ID_MAX];
	struct mst_key km;
	bool confirmed;              /* read back under KmID */
};

struct mock {
	struct event_base *base;
	char dir[128];               /* files for the agent */
	uint8_t ca_key[MST_PKEY_MAX], ca[MST_CERT_MAX];
	size_t ca_key_n, ca_n;
	struct mst_local_signer ca_signer;
	struct mst_tls_ctx *mef_tls, *maf_tls;
	struct mst_server *mef, *maf;
	struct evconnlistener *forger;       /* answers for the MAF (mock_forge) */
	struct bufferevent *forged_to;       /* its last caller */
	uint8_t alert;
	uint16_t mef_port, maf_port;
	int held[2];                 /* those, also while nobody listens there */
	struct mock_key key[MOCK_KEYS];
	size_t n_keys;
	struct mst_key ke;           /* of the MEF's last registration */
	char ke_id[MST_ID_MAX];
	/* The script. */
	int mef_refuses, maf_forgets;        /* an RSC to answer with instead; 0 = behave */
	int mef_forgets;                     /* the same, when a registration is read back */
	int key_seconds;                     /* lifetime of a registered key; 0 = for ever */
	int update_refused[2];               /* an RSC for updates of a registration, at MEF and MAF */
	int update_seconds;                  /* what an update grants; 0 = years */
	bool command;                        /* one CERT_PROV command before NO_MORE_COMMANDS */
	bool commanded;
	/* What happened. */
	unsigned forged, asked;              /* alerts sent; registrations read back at the MEF */
	unsigned updates[2];                 /* of registrations, at MEF and MAF */
	unsigned mef_requests, maf_requests, reported_41, handshake_failures;
	char from[2][MST_ID_MAX];            /* last X-M2M-Origin at MEF and MAF */
	char vsi[64];
};

struct mock *mock_new(void);
void mock_free(struct mock *m);
/* Take both off the network, or put them back (on the same ports). */
void mock_down(struct mock *m);
void mock_up(struct mock *m);
/* The agent's configuration with these extra lines; returns its path. Fresh state when `name` is new. */
const char *mock_config(struct mock *m, const char *name, const char *instructions, const char *extra);
/* The usual instruction: our MEF, our MAF. */
const char *mock_instruction(const struct mock *m);
const struct mock_key *mock_find(const struct mock *m, const char *km_id);

/* From now on somebody on the path answers for the MAF: every ClientHello gets that fatal alert, and no more. */
void mock_forge(struct mock *m, uint8_t alert);
void mock_honest(struct mock *m);    /* the MAF itself again */
void mock_mef_up(struct mock *m);
void mock_mef_down(struct mock *m);
/* As mock_instruction(), with the CA among the instruction's own anchors. */
const char *mock_instruction_anchored(const struct mock *m);

#endif
