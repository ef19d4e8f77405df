/* What the files of the TPM back end share; the TSS's types stay behind this header. */
#ifndef MST_SECENV_TPM_INT_H
#define MST_SECENV_TPM_INT_H

#include <tss2/tss2_esys.h>

#include "secenv/root.h"
#include "secenv/tpm.h"

/* A TCTI in front of another one, which gives a command again while the TPM is busy (tpm-wait.c). */
struct tpm_patience {
	TSS2_TCTI_CONTEXT_COMMON_CURRENT tcti;   /* first */
	TSS2_TCTI_CONTEXT *io;
	uint8_t command[4096], answer[4096];     /* TPM2_MAX_COMMAND_SIZE, TPM2_MAX_RESPONSE_SIZE */
	size_t n, answer_n;
	int waited;                              /* milliseconds, in the operation under way */
	bool kept_away;                          /* commands fail here and do not reach the TPM */
};
TSS2_TCTI_CONTEXT *tpm_patience_init(struct tpm_patience *p, TSS2_TCTI_CONTEXT *io);
/* The TPM has not begun the command, and may do so later. */
bool tpm_is_busy(TSS2_RC rc);

struct tpm_root {
	struct secenv_root root;
	struct mst_crypto *c;
	char *tcti;
	uint32_t pcrs;
	uint8_t *pin;           /* in locked pages */
	size_t pin_n;
	/* of the store that is open */
	uint32_t counter;       /* NV index */
	/* of the operation under way */
	TSS2_TCTI_CONTEXT *io;
	struct tpm_patience patience;
	ESYS_CONTEXT *esys;
	ESYS_TR parent, session, object;
	TPM2_HANDLE left[5];    /* what could not be flushed: parent, session, object, a trial's session, an attestation key */
	size_t n_left;
};

enum tpm_what { TPM_HMAC_KEY, TPM_SIGNING_KEY };

/* An operation is between these two; end is for every way out, and passes `r` on. */
MST_MUST_CHECK int tpm_begin(struct tpm_root *t, struct mst_diag *d);
int tpm_end(struct tpm_root *t, int r);
/* Out of the TPM: now, or, when the connection is lost, at the operation's end. */
void tpm_flush(struct tpm_root *t, ESYS_TR *h);
/* TSS2_RC as an outcome or a fault, with words. */
int tpm_outcome(TSS2_RC rc, const char *doing, struct mst_diag *d);

/* The storage key: t->parent. */
MST_MUST_CHECK int tpm_parent(struct tpm_root *t, struct mst_diag *d);
/* A session for the object's authorisation and for the encryption of parameters: t->session. Wants the parent. */
MST_MUST_CHECK int tpm_session(struct tpm_root *t, uint32_t pcrs, bool policy, struct mst_diag *d);
/* A child: made and given out wrapped (tag, PCRs, public, private). `secret` empty: the TPM makes it. */
MST_MUST_CHECK int tpm_make(struct tpm_root *t, enum tpm_what what, struct mst_view secret, struct mst_writer *w, struct mst_diag *d);
/* And loaded again: t->object, with the session for its use. *ret_public is the caller's to free, may be NULL. */
MST_MUST_CHECK int tpm_load(struct tpm_root *t, struct mst_view wrapped, struct mst_diag *d);
/* Its public area alone; CORRUPT when it is none. */
MST_MUST_CHECK int tpm_public(struct mst_view wrapped, TPM2B_PUBLIC *ret, struct mst_diag *d);

/* The counter's index (tpm-counter.c). */
MST_MUST_CHECK int tpm_counter_make(struct tpm_root *t, uint32_t *ret_index, struct mst_diag *d);
MST_MUST_CHECK int tpm_counter_read(struct tpm_root *t, uint64_t *ret_n, struct mst_diag *d);
MST_MUST_CHECK int tpm_counter_step(struct tpm_root *t, struct mst_diag *d);
MST_MUST_CHECK int tpm_counter_drop(struct tpm_root *t, struct mst_diag *d);

#define TPM_TAG 'T'

#endif
