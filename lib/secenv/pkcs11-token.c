/* Finding a token, and logging into it. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "secenv/pkcs11-int.h"

#define PAUSES 7
#define FIRST_PAUSE_MS 10            /* and twice as long each time: 1.3 s in all, for a writer that a busy machine keeps waiting in the middle */

int p11_outcome(CK_RV rv, const char *doing, struct mst_diag *d)
{
	static const struct { CK_RV rv; int r; const char *text; } table[] = {
		{ CKR_PIN_INCORRECT, MST_SECENV_REFUSED, "the token does not take this PIN" },
		{ CKR_PIN_INVALID, MST_SECENV_REFUSED, "the token does not take this PIN" },
		{ CKR_PIN_LEN_RANGE, MST_SECENV_REFUSED, "the token takes no PIN of this length" },
		{ CKR_PIN_EXPIRED, MST_SECENV_UNREADY, "the PIN has to be changed first" },
		{ CKR_USER_PIN_NOT_INITIALIZED, MST_SECENV_UNREADY, "the token has no user's PIN yet (pkcs11-tool --init-pin)" },
		{ CKR_TOKEN_WRITE_PROTECTED, MST_SECENV_NOT_OFFERED, "the token is write-protected" },
		{ CKR_PIN_LOCKED, MST_SECENV_LOCKOUT, "the PIN is blocked: too many were wrong" },
		{ CKR_TOKEN_NOT_PRESENT, MST_SECENV_ABSENT, "the token is not there" },
		{ CKR_TOKEN_NOT_RECOGNIZED, MST_SECENV_ABSENT, "the token is not known to its module" },
		{ CKR_DEVICE_REMOVED, MST_SECENV_ABSENT, "the token was taken out" },
		{ CKR_DEVICE_ERROR, MST_SECENV_ABSENT, "the token does not answer" },
		{ CKR_SLOT_ID_INVALID, MST_SECENV_ABSENT, "the token was taken out" },
		{ CKR_SESSION_HANDLE_INVALID, MST_SECENV_ABSENT, "the token was taken out" },
		{ CKR_SESSION_CLOSED, MST_SECENV_ABSENT, "the token was taken out" },
		{ CKR_DEVICE_MEMORY, MST_SECENV_FULL, "the token has no room" },
		{ CKR_SESSION_COUNT, MST_SECENV_FULL, "the token has no session left" },
		{ CKR_OBJECT_HANDLE_INVALID, MST_SECENV_CLEARED, "the token does not have it any more" },
		{ CKR_KEY_HANDLE_INVALID, MST_SECENV_CLEARED, "the token does not have it any more" },
		{ CKR_MECHANISM_INVALID, MST_SECENV_NOT_OFFERED, "the token cannot do this" },
		{ CKR_CURVE_NOT_SUPPORTED, MST_SECENV_NOT_OFFERED, "the token has no P-256" },
		{ CKR_FUNCTION_NOT_SUPPORTED, MST_SECENV_NOT_OFFERED, "the token cannot do this" },
		{ CKR_KEY_TYPE_INCONSISTENT, MST_SECENV_NOT_OFFERED, "the token cannot use such a key for this" },
	};

	for (size_t i = 0; i < MST_COUNT(table); i++) {
		if (table[i].rv == rv) {
			mst_diag_set(d, 0, "token", doing, ": ", table[i].text, NULL);
			return table[i].r;
		}
	}
	mst_diag_set(d, 0, "token", doing, ": ", p11_kit_strerror(rv), NULL);
	return MST_FAULT_CRYPTO;
}

static bool labelled(const CK_TOKEN_INFO *t, const char *label)
{
	size_t n = strlen(label);

	if (n > sizeof(t->label) || memcmp(t->label, label, n) != 0)
		return false;
	for (; n < sizeof(t->label); n++)
		if (t->label[n] != ' ')
			return false;
	return true;
}

/* The slot with our token in one module. */
static bool slot_of(CK_FUNCTION_LIST *f, const char *label, CK_SLOT_ID *ret)
{
	CK_SLOT_ID slot[64];
	CK_ULONG n = MST_COUNT(slot);
	CK_TOKEN_INFO t;

	if (f->C_GetSlotList(CK_TRUE, slot, &n) != CKR_OK)
		return false;
	for (CK_ULONG i = 0; i < n; i++) {
		if (f->C_GetTokenInfo(slot[i], &t) == CKR_OK && labelled(&t, label)) {
			*ret = slot[i];
			return true;
		}
	}
	return false;
}

static int load(struct p11_root *p, struct mst_diag *d)
{
	CK_RV rv;

	if (!p->module[0]) {
		p->all = p11_kit_modules_load_and_initialize(0);
		if (p->all)
			return 0;
		mst_diag_set(d, 0, "token", "p11-kit: ", p11_kit_message() ? p11_kit_message() : "no module could be loaded", NULL);
		return MST_SECENV_ABSENT;
	}
	p->one = p11_kit_module_load(p->module, P11_KIT_MODULE_CRITICAL);
	if (!p->one) {
		mst_diag_set(d, 0, "token", "module ", p->module, ": ", p11_kit_message() ? p11_kit_message() : "cannot be loaded", NULL);
		return MST_SECENV_ABSENT;
	}
	rv = p11_kit_module_initialize(p->one);
	if (rv == CKR_OK)
		return 0;
	p11_kit_module_release(p->one);
	p->one = NULL;
	return p11_outcome(rv, "beginning", d);
}

/* The last try is a person's: a wrong one would block the token. */
static bool last_try(struct p11_root *p, CK_SLOT_ID slot, struct mst_diag *d)
{
	CK_TOKEN_INFO t;

	if (p->f->C_GetTokenInfo(slot, &t) != CKR_OK || !(t.flags & CKF_USER_PIN_FINAL_TRY))
		return false;
	mst_diag_set(d, 0, "token", "logging in: one more wrong PIN would block the token, so it is left to you (pkcs11-tool --login --test)", NULL);
	return true;
}

/*
 * The PIN may be given once more: SoftHSM2 answers so while it reads the file that another process writes. Whatever else a token says it may have
 * counted, above all what only its maker knows; and one that says that a wrong PIN was given is not asked again.
 */
static bool did_not_look(struct p11_root *p, CK_SLOT_ID slot, CK_RV rv)
{
	CK_TOKEN_INFO t;

	if (rv != CKR_USER_PIN_NOT_INITIALIZED && rv != CKR_GENERAL_ERROR && rv != CKR_FUNCTION_FAILED)
		return false;
	return p->f->C_GetTokenInfo(slot, &t) != CKR_OK || !(t.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED));
}

static int log_in(struct p11_root *p, CK_SLOT_ID slot, struct mst_diag *d)
{
	CK_RV rv;
	int r;

	if (last_try(p, slot, d))
		return MST_SECENV_LOCKOUT;       /* as a card's: this PIN was not refused, and is tried when a person has given the right one */
	rv = p->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &p->session);

	if (rv != CKR_OK) {
		r = p11_outcome(rv, "opening a session", d);
		p->passing = r == MST_FAULT_CRYPTO;
		return r;
	}
	rv = p->f->C_Login(p->session, CKU_USER, p->pin, p->pin_n);
	p->passing = did_not_look(p, slot, rv);
	return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? 0 : p11_outcome(rv, "logging in", d);
}

int p11_connect(struct p11_root *p, struct mst_diag *d)
{
	CK_SLOT_ID slot = 0;
	int r = load(p, d);

	p->passing = r == MST_FAULT_CRYPTO;
	if (r)
		return r;
	if (p->one && slot_of(p->one, p->token, &slot))
		p->f = p->one;
	for (size_t i = 0; p->all && p->all[i] && !p->f; i++)
		if (slot_of(p->all[i], p->token, &slot))
			p->f = p->all[i];
	p->passing = !p->f;
	if (!p->f)
		mst_diag_set(d, 0, "token", "none with the label \"", p->token, "\" is there", NULL);
	r = p->f ? log_in(p, slot, d) : MST_SECENV_ABSENT;
	if (r)
		p11_disconnect(p);
	return r;
}

int p11_connect_first(struct p11_root *p, struct mst_diag *d)
{
	int r = p11_connect(p, d);

	for (int i = 0; p->passing && i < PAUSES; i++) {
		(void)poll(NULL, 0, FIRST_PAUSE_MS << i);
		r = p11_connect(p, d);
	}
	return r;
}

void p11_disconnect(struct p11_root *p)
{
	if (p->f && p->session)
		(void)p->f->C_CloseSession(p->session);
	p->session = 0;
	p->f = NULL;
	if (p->one) {
		(void)p11_kit_module_finalize(p->one);
		p11_kit_module_release(p->one);
	}
	if (p->all)
		p11_kit_modules_finalize_and_release(p->all);
	p->one = NULL;
	p->all = NULL;
}

int p11_ready(struct p11_root *p, struct mst_diag *d)
{
	CK_SESSION_INFO info;

	if (p->f && p->f->C_GetSessionInfo(p->session, &info) == CKR_OK && info.state == CKS_RW_USER_FUNCTIONS)
		return 0;
	p11_disconnect(p);
	return p11_connect(p, d);
}
