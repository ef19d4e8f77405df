/*
 * The secure environment of a device: where its credentials live (architecture 5.1, field lessons 4,
 * 16, 28). One interface, several backends; here: encrypted files.
 *
 * What is kept: the initial credential (certificate chain + private key, made or installed once) and
 * two slots for root credentials. The active slot changes only after the new credential has been used
 * successfully; there are never zero. "Corrupt" is an outcome of its own and never treated as empty.
 */
#ifndef MST_SECENV_SECENV_H
#define MST_SECENV_SECENV_H

#include "base/diag.h"
#include "base/time.h"
#include "codec/ident.h"
#include "crypto/crypto.h"

enum mst_secenv_outcome { MST_SECENV_NONE = 1, MST_SECENV_CORRUPT, MST_SECENV_LOCKED, MST_SECENV_FULL };

/* A client registration: when its end was told, and that end; `until` 0 = not known (older records). */
struct mst_reg_term { mst_time since, until; };

/* A root credential and everything that the node learnt with it (architecture 3.5). */
struct mst_root_cred {
	struct mst_key key;              /* Km (or Kpsa) */
	struct mst_key ke;               /* kept until KmID is confirmed, then wiped */
	char key_id[MST_ID_MAX];         /* KeID while enrolling, KmID afterwards */
	char ke_id[MST_ID_MAX];
	int64_t suid;
	bool confirmed;                  /* authenticated at least once under key_id = KmID */
	uint8_t method;                  /* enum mst_method that it came by; 0 = not kept (older records) */
	/* `key` is a NAF key for this Ua security protocol (TS 33.220 H), and key_id a B-TID; all 0: it is none */
	uint8_t ua[5];
	mst_time not_after;              /* of the key: no update of a registration makes it last longer (TS-0003 10.7) */
	struct mst_reg_term mef_reg, maf_reg;
	char admin_fqdn[MST_ID_MAX];
	char mef_fqdn[MST_ID_MAX], mef_uri[MST_ID_MAX], mef_reg_id[MST_ID_MAX];
	char maf_fqdn[MST_ID_MAX], maf_uri[MST_ID_MAX], maf_reg_id[MST_ID_MAX];
	char node_id[MST_ID_MAX], cse_id[MST_ID_MAX], ae_id[MST_ID_MAX], registrar_cse_id[MST_ID_MAX];
	char registrar_poa[4][MST_ID_MAX];
	size_t n_registrar_poa;
	mst_time obtained;
	uint64_t generation;             /* counts up with every change: lesson 29 */
	char attempt[33];                /* attempt id that produced it */
};
void mst_root_cred_wipe(struct mst_root_cred *c);
/* Until when all of it holds: the earliest of the three ends. */
mst_time mst_root_cred_until(const struct mst_root_cred *c);
/* Is its key one of GBA, for the Ua protocol that it names? */
bool mst_is_naf_key(const struct mst_root_cred *c);

/* As octets, with a version; for every backend that stores octets. At most MST_ROOT_CRED_MAX. */
#define MST_ROOT_CRED_MAX 5120
MST_MUST_CHECK int mst_root_cred_encode(const struct mst_root_cred *c, struct mst_writer *w);
MST_MUST_CHECK bool mst_root_cred_decode(struct mst_view v, struct mst_root_cred *ret_c);

enum mst_slot { MST_SLOT_ACTIVE, MST_SLOT_PENDING };

/*
 * Every operation may return MST_SECENV_FULL (no space; nothing was changed), MST_SECENV_CORRUPT with the
 * name of what is damaged in `d`, or a fault; after a fault the old or the new state is there, whole.
 * A `d` that is filled although 0 was returned is a note: an older copy had to be used.
 */
struct mst_secenv;
struct mst_secenv_ops {
	const char *name;
	/* Root credentials. load: 0, NONE, CORRUPT. store: durable when it returns 0. */
	int (*load)(struct mst_secenv *s, enum mst_slot slot, struct mst_root_cred *ret_c,
		    struct mst_diag *d);
	int (*store)(struct mst_secenv *s, enum mst_slot slot, const struct mst_root_cred *c,
		     struct mst_diag *d);
	/* The pending slot becomes the active one, in one atomic step; the old active one is erased. */
	int (*promote)(struct mst_secenv *s, struct mst_diag *d);       /* also NONE: nothing is pending */
	/* Gone is done. When the record of the slots itself is CORRUPT, erasing either slot starts anew with
	 * two empty ones: the one way out, and a decision of the caller, never made here. */
	int (*erase)(struct mst_secenv *s, enum mst_slot slot, struct mst_diag *d);
	/* Small durable blobs by name (engine progress, retry state, last known time). At most 64 KiB. A name
	 * is 1 to 32 of a-z 0-9 and '-'; another one is MST_FAULT_BUG. load_blob: 0, NONE, CORRUPT. */
	int (*load_blob)(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n,
			 struct mst_diag *d);
	int (*store_blob)(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d);
	void (*close)(struct mst_secenv *s);
};
struct mst_secenv { const struct mst_secenv_ops *ops; };

/*
 * File backend: directory `dir` (made 0700 when absent), AES-256-GCM under a key read from `key_file`
 * (made on first use, 0600; may be a systemd credential), write-new + fsync + rename + fsync(dir), a
 * checksum (the AEAD tag) and two generations of each file. 0, MST_SECENV_LOCKED (another process has it),
 * MST_SECENV_CORRUPT (the key is gone or not a key, but sealed files are there), MST_SECENV_FULL, or a fault.
 * A key file that others may read or write is MST_FAULT_CONFIG.
 */
MST_MUST_CHECK int mst_secenv_file_open(const char *dir, const char *key_file, struct mst_crypto *c,
                                        struct mst_secenv **ret_s, struct mst_diag *d);

#endif
