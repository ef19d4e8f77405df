/* URIs of PKCS#11 (RFC 7512), and what tokens there are. */
#include <stdio.h>
#include <string.h>

#include <p11-kit/uri.h>

#include "secenv/pkcs11-int.h"
#include "secenv/place.h"

/* A padded label of PKCS#11 as text. */
static void label_of(const CK_TOKEN_INFO *t, char out[sizeof(t->label) + 1])
{
	size_t n = sizeof(t->label);

	while (n && t->label[n - 1] == ' ')
		n--;
	memcpy(out, t->label, n);
	out[n] = '\0';
}

/* One text behind the other. */
static const char *keep(struct mst_writer *w, const char *text)
{
	const char *at = (const char *)w->p + w->n;

	mst_put_str(w, text ? text : "");
	mst_put_u8(w, 0);
	return w->ok ? at : "";
}

static const char *path_of(const char *source)
{
	return source && strncmp(source, "file:", 5) == 0 ? source + 5 : source;
}

bool mst_secenv_pkcs11_uri(const char *uri, char *buf, struct mst_secenv_place *p, struct mst_diag *d)
{
	struct mst_writer w = mst_writer_of((uint8_t *)buf, MST_SECENV_URI_MAX);
	P11KitUri *u = p11_kit_uri_new();
	int r = u ? p11_kit_uri_parse(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN_AND_MODULE, u) : P11_KIT_URI_UNEXPECTED;
	char label[sizeof(((CK_TOKEN_INFO *)0)->label) + 1] = "";
	bool good = false;

	if (r == P11_KIT_URI_OK && p11_kit_uri_get_token_info(u)->label[0] != (unsigned char)-1)
		label_of(p11_kit_uri_get_token_info(u), label);
	if (r != P11_KIT_URI_OK)
		mst_diag_set(d, 0, "", "no URI of PKCS#11: ", p11_kit_uri_message(r), NULL);
	else if (p11_kit_uri_get_pin_value(u))
		mst_diag_set(d, 0, "", "pin-value would stand in the list of processes; put the PIN into a file and name it: ?pin-source=FILE", NULL);
	else if (!label[0] || !p11_kit_uri_get_pin_source(u))
		mst_diag_set(d, 0, "", "wants the token and the file of its PIN: pkcs11:token=LABEL?pin-source=FILE", NULL);
	else
		good = true;
	if (good) {
		p->token = keep(&w, label);
		p->pin_file = keep(&w, path_of(p11_kit_uri_get_pin_source(u)));
		p->module = keep(&w, p11_kit_uri_get_module_path(u));
		good = w.ok;
	}
	p11_kit_uri_free(u);
	return good;
}

int mst_secenv_pkcs11_tokens(void (*each)(void *arg, const char *label, bool initialised), void *arg, struct mst_diag *d)
{
	CK_FUNCTION_LIST **all = p11_kit_modules_load_and_initialize(0);
	size_t found = 0;

	for (size_t m = 0; all && all[m]; m++) {
		CK_SLOT_ID slot[64];
		CK_ULONG n = MST_COUNT(slot);
		CK_TOKEN_INFO t;
		char label[sizeof(t.label) + 1];

		if (all[m]->C_GetSlotList(CK_TRUE, slot, &n) != CKR_OK)
			continue;
		for (CK_ULONG i = 0; i < n; i++) {
			/* what has no login is no place for a key: lists of trusted certificates, which p11-kit brings itself */
			if (all[m]->C_GetTokenInfo(slot[i], &t) != CKR_OK || !(t.flags & CKF_LOGIN_REQUIRED))
				continue;
			label_of(&t, label);
			each(arg, label, t.flags & CKF_TOKEN_INITIALIZED);
			found++;
		}
	}
	if (all)
		p11_kit_modules_finalize_and_release(all);
	if (!found)
		mst_diag_set(d, 0, "pkcs11", "no token in a module that p11-kit knows", NULL);
	return found ? 0 : MST_SECENV_NONE;
}
