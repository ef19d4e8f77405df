/*
 * The secure environment of a device: where its credentials live (architecture 5.1, field lessons 4,
 * 16, 28, 29; decision 0026). One interface, several back ends: encrypted files whose key lies in a file or comes of a
 * secret, a TPM 2.0 (tpm.h), a PKCS#11 token (pkcs11.h), a UICC (uicc.h).
 *
 * What is kept: two slots for root credentials and small blobs, sealed on the disk under one key that the back end
 * gives; and keys that are made in the back end and never leave it. The active slot changes only after the new
 * credential has been used successfully; there are never zero. "Corrupt" is an outcome of its own and never treated as
 * empty, nor is a device that is absent, locked, cleared or ahead of the disk.
 */
#ifndef MST_SECENV_SECENV_H
#define MST_SECENV_SECENV_H

#include "base/diag.h"
#include "base/time.h"
#include "codec/ident.h"
#include "crypto/crypto.h"
#include "crypto/pki.h"

enum mst_secenv_outcome {
	MST_SECENV_NONE = 1,
	MST_SECENV_CORRUPT,
	MST_SECENV_LOCKED,          /* another process has the store */
	MST_SECENV_FULL,            /* disk, TPM or token; nothing was changed */
	MST_SECENV_ABSENT,          /* no device, no token, no module: it may come back */
	MST_SECENV_BUSY,            /* the device is there and did nothing for now; nothing was changed */
	MST_SECENV_REFUSED,         /* wrong PIN, or none where one is wanted */
	MST_SECENV_UNREADY,         /* no PIN that could be given, or taken: none was counted */
	MST_SECENV_LOCKOUT,         /* too many wrong ones: the device takes none for now */
	MST_SECENV_OWNED,           /* the TPM's owner has a password: nothing of ours is made in it */
	MST_SECENV_CLEARED,         /* the device is there, but not what the store was bound to: cleared, or another one */
	MST_SECENV_STALE,           /* the device has counted further than this store: an old copy of the disk */
	MST_SECENV_CHANGED,         /* the machine does not measure as it did when the store was bound (PCRs) */
	MST_SECENV_OTHER,           /* the store is bound to another back end */
	MST_SECENV_NOT_OFFERED,     /* this back end has no such thing */
};
/* What a person should do about an outcome or a fault; never NULL. */
const char *mst_secenv_remedy(int r);
/* The same for keys of the server. */
const char *mst_secenv_server_remedy(int r);

/*
 * A key of the back end as its owner keeps it: wrapped by the device or sealed by the store, or the name of an object
 * in a token. Worthless without both. (A PKCS #8 key as it is counts too: one that lies in a file.)
 */
#define MST_SECENV_KEY_MAX MST_PKEY_MAX
struct mst_secenv_key { uint8_t b[MST_SECENV_KEY_MAX]; size_t n; };

/* Is it in a device, or sealed (or as it is) in the hands of its owner? */
bool mst_secenv_key_inside(const struct mst_secenv_key *k);

/* What a back end does itself; the rest is done in this process's memory. */
struct mst_secenv_offers {
	bool bound;                 /* the store opens with this device alone */
	bool keys_inside;           /* key pairs are made in it, sign in it, and cannot leave */
	bool hmac_inside;           /* symmetric keys are used in it: what seals a maker's secret (maker.h) */
	bool counter;               /* an old copy of the store is recognised */
	bool attests;               /* nothing above asks for it yet */
};

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

#define MST_SECENV_MESSAGE 1024
enum mst_slot { MST_SLOT_ACTIVE, MST_SLOT_PENDING };

/*
 * Every operation may return MST_SECENV_FULL (no space; nothing was changed), MST_SECENV_CORRUPT with the
 * name of what is damaged in `d`, or a fault; after a fault the old or the new state is there, whole.
 * A `d` that is filled although 0 was returned is a note: an older copy had to be used.
 */
struct mst_secenv;
struct mst_secenv_ops {
	const char *name;
	/* Root credentials. load: 0, NONE, CORRUPT. store: durable when it returns 0; MST_FAULT_BUG without a key. */
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
	/*
	 * Key pairs on P-256 (lesson 28). Made where they are used; sign: DER ECDSA over a SHA-256 digest. A key of another
	 * back end, or of a device that has been cleared since: CLEARED. erase: a token's object goes; gone is done. The
	 * caller stores what make gave before anybody certifies it.
	 */
	int (*key_make)(struct mst_secenv *s, struct mst_secenv_key *ret_k, struct mst_diag *d);
	int (*key_public)(struct mst_secenv *s, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d);
	int (*key_sign)(struct mst_secenv *s, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
			size_t *ret_n, struct mst_diag *d);
	int (*key_erase)(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_diag *d);
	/* A symmetric key (of maker.h, or a root credential's, which nobody asks for): taken in, and used for HMAC-SHA-256 over at most MST_SECENV_MESSAGE. */
	int (*secret_import)(struct mst_secenv *s, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d);
	int (*secret_hmac)(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN],
			   struct mst_diag *d);
	/* Octets for the caller to keep elsewhere; `purpose` is bound. open: CORRUPT when it is not what seal gave. */
	int (*seal)(struct mst_secenv *s, const char *purpose, struct mst_view v, struct mst_writer *w, struct mst_diag *d);
	int (*unseal)(struct mst_secenv *s, const char *purpose, struct mst_view box, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
	/* The device's word, for that nonce, that a key was made in it and cannot leave it; format: the back end's header. */
	int (*attest)(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d);
	struct mst_secenv_offers (*offers)(const struct mst_secenv *s);
	void (*close)(struct mst_secenv *s);
};
struct mst_secenv { const struct mst_secenv_ops *ops; };

/*
 * File back end: directory `dir` (made 0700 when absent), AES-256-GCM under a key read from `key_file`
 * (made on first use, 0600; may be a systemd credential), write-new + fsync + rename + fsync(dir), a
 * checksum (the AEAD tag) and two generations of each file. 0, MST_SECENV_LOCKED (another process has it),
 * MST_SECENV_CORRUPT (the key is gone or not a key, but sealed files are there), MST_SECENV_FULL, MST_SECENV_OTHER, or a
 * fault. A key file that others may read or write is MST_FAULT_CONFIG.
 */
MST_MUST_CHECK int mst_secenv_file_open(const char *dir, const char *key_file, struct mst_crypto *c,
                                        struct mst_secenv **ret_s, struct mst_diag *d);

/* The same store on any back end, which is taken over, also when it fails: then every outcome of the device too. */
struct secenv_root;
MST_MUST_CHECK int mst_secenv_open(const char *dir, const char *key_file, struct secenv_root *root, struct mst_crypto *c,
				   struct mst_secenv **ret_s, struct mst_diag *d);
/*
 * A file back end; with `secret_file` (a passphrase, a machine's secret, a systemd credential; not readable by others) the
 * store's key comes of its octets by scrypt instead of lying in the key file. NULL: no memory.
 */
struct secenv_root *mst_secenv_file(const char *secret_file, struct mst_crypto *c);

/*
 * Give back what a store left in its device (counter, key), and then remove the key file: the store opens never again. Back ends
 * without a device keep their key file, which may be somebody else's. Takes the root over. 0, NONE (no key file), an outcome of the
 * device, or a fault.
 */
MST_MUST_CHECK int mst_secenv_unbind(const char *key_file, struct secenv_root *root, struct mst_crypto *c, struct mst_diag *d);

/* Which back end is the store of that key file bound to? 0, NONE (no such file), CORRUPT, or a fault. */
enum mst_secenv_kind { MST_SECENV_FILE = 1, MST_SECENV_SECRET, MST_SECENV_TPM, MST_SECENV_PKCS11, MST_SECENV_UICC };
MST_MUST_CHECK int mst_secenv_kind_of(const char *key_file, struct mst_crypto *c, enum mst_secenv_kind *ret_k, struct mst_diag *d);
const char *mst_secenv_kind_text(enum mst_secenv_kind k);
/* PCRs as people write them: "0,2,7". False: no such list. */
MST_MUST_CHECK bool mst_secenv_pcrs(const char *text, uint32_t *ret_mask);

#endif
