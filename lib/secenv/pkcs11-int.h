/* What the files of the PKCS#11 back end share. */
#ifndef MST_SECENV_PKCS11_INT_H
#define MST_SECENV_PKCS11_INT_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include "secenv/pkcs11.h"
#include "secenv/root.h"

#define P11_ID ROOT_ID

struct p11_root {
	struct secenv_root root;
	struct mst_crypto *c;
	char *module, *token;
	uint8_t *pin;                        /* in locked pages: the token may have to be logged into anew */
	size_t pin_n;
	CK_FUNCTION_LIST **all, *one;        /* as p11-kit gave them: a list, or one */
	CK_FUNCTION_LIST *f;                 /* the token's */
	/* What the last look for it met may be gone in a moment: no such token, none with a PIN, or an error of its module's own. SoftHSM2 has
	 * these while it reads the file that another process writes. */
	bool passing;
	CK_SESSION_HANDLE session;
	uint8_t store_id[P11_ID];            /* CKA_ID of the store's key */
};

/* A CK_RV as an outcome or a fault, with words. */
int p11_outcome(CK_RV rv, const char *doing, struct mst_diag *d);
MST_MUST_CHECK int p11_connect(struct p11_root *p, struct mst_diag *d);
/* At the start, with patience: a token is not to be seen, or fails, while another process logs in (SoftHSM2 writes its file anew), or has
 * only just been powered. Later it is whoever needs it that comes again. */
MST_MUST_CHECK int p11_connect_first(struct p11_root *p, struct mst_diag *d);
void p11_disconnect(struct p11_root *p);
/* The session, anew when the token was away meanwhile. */
MST_MUST_CHECK int p11_ready(struct p11_root *p, struct mst_diag *d);

#endif
