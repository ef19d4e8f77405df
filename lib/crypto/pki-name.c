/*
 * subjectAltName in the flavours of spec 2.5.4.
 *
 *   FQDN      dNSName
 *   CSE-ID    dNSName, the public domain name of the CSE; reads back as FQDN
 *   AE-ID     uniformResourceIdentifier, "https:" and the absolute AE-ID (the standard wants a full URI
 *             but names no scheme; ours). Reading takes https:, http:, coaps: or none
 *   Node-ID   uniformResourceIdentifier when it is a URN; otherwise otherName under an arc of our own
 *             (the standard names no form; ours). A CA with permitted URI subtrees can certify no URN:
 *             RFC 5280 4.2.1.10 refuses a URI without a host there
 *   Device    otherName: type-id the M2M Device Indication arc, value a UTF8String of the remaining arcs
 *             (TS-0003 10.1.1 leaves the string type open; ours)
 *
 * Names of other forms are left out: nobody here is identified by them. A name of one of our forms that is
 * not written as it must be spoils the whole certificate: no embedded NUL, no wildcard, no guessing.
 */
#include <string.h>

#include <openssl/err.h>

#include "base/text.h"
#include "crypto/pki-internal.h"

#define OTHER_NODE MST_NODE_NAME_OID
#define OTHER_DEVICE MST_DEVICE_ARC

static bool put(GENERAL_NAMES *names, GENERAL_NAME *g)
{
	if (g && sk_GENERAL_NAME_push(names, g) > 0)
		return true;
	GENERAL_NAME_free(g);
	return false;
}

static int put_ia5(GENERAL_NAMES *names, int type, const char *prefix, const char *value)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	char text[MST_ID_MAX + 16];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_put_str(&w, prefix);
	mst_put_str(&w, value);
	if (!g || !s || !w.ok || !ASN1_STRING_set(s, text, (int)w.n)) {
		ASN1_IA5STRING_free(s);
		GENERAL_NAME_free(g);
		return MST_FAULT_MEMORY;
	}
	GENERAL_NAME_set0_value(g, type, s);
	return put(names, g) ? 0 : MST_FAULT_MEMORY;
}

static int put_other(GENERAL_NAMES *names, const char *oid, const char *value)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);
	ASN1_UTF8STRING *s = ASN1_UTF8STRING_new();
	ASN1_TYPE *any = ASN1_TYPE_new();

	if (!g || !type || !s || !any || !ASN1_STRING_set(s, value, (int)strlen(value)))
		goto fail;
	ASN1_TYPE_set(any, V_ASN1_UTF8STRING, s);
	s = NULL;
	if (!GENERAL_NAME_set0_othername(g, type, any))
		goto fail;
	return put(names, g) ? 0 : MST_FAULT_MEMORY;
fail:
	GENERAL_NAME_free(g);
	ASN1_OBJECT_free(type);
	ASN1_UTF8STRING_free(s);
	ASN1_TYPE_free(any);
	return MST_FAULT_MEMORY;
}

int pki_names_put(GENERAL_NAMES *names, const struct mst_san *san)
{
	static const char device[] = OTHER_DEVICE ".";
	char id[MST_ID_MAX], pub[MST_ID_MAX];

	if (!mst_id_normalise(san->kind, mst_view_str(san->value), id))
		return MST_PKI_MALFORMED;
	if (san->kind == MST_ID_FQDN)
		return put_ia5(names, GEN_DNS, "", id);
	if (san->kind == MST_ID_CSE_ABS)
		return mst_cse_public_name(mst_view_str(id), pub) ? put_ia5(names, GEN_DNS, "", pub)
								  : MST_PKI_MALFORMED;
	if (san->kind == MST_ID_AE_ABS)
		return put_ia5(names, GEN_URI, "https:", id);
	if (san->kind == MST_ID_NODE)
		return mst_view_eq_nocase(mst_view_sub(mst_view_str(id), 0, 4), MST_VIEW_LIT("urn:")) ?
		       put_ia5(names, GEN_URI, "", id) : put_other(names, OTHER_NODE, id);
	if (san->kind == MST_ID_DEVICE && mst_view_starts(mst_view_str(id), device))
		return put_other(names, OTHER_DEVICE, id + sizeof(device) - 1);
	return MST_PKI_MALFORMED;
}

static int refuse(struct mst_diag *d, const char *why)
{
	mst_diag_set(d, 0, "subjectAltName", why, NULL);
	return MST_PKI_MALFORMED;
}

static int add(struct mst_cert_info *i, enum mst_id_kind kind, struct mst_view value, struct mst_diag *d)
{
	if (i->n_san == MST_SANS_MAX) {
		mst_diag_set(d, 0, "subjectAltName", "more names than 8", NULL);
		return MST_PKI_NO_ROOM;
	}
	if (!mst_id_normalise(kind, value, i->san[i->n_san].value))
		return refuse(d, "not a well-formed name of its kind");
	i->san[i->n_san++].kind = kind;
	return 0;
}

static int get_dns(struct mst_cert_info *i, struct mst_view v, struct mst_diag *d)
{
	if (mst_view_find(v, '*') < v.n)
		return refuse(d, "wildcards are not allowed (spec 2.5.4)");
	return mst_id_valid(MST_ID_FQDN, v) ? add(i, MST_ID_FQDN, v, d) : refuse(d, "dNSName is not an FQDN");
}

static int get_uri(struct mst_cert_info *i, struct mst_view v, struct mst_diag *d)
{
	static const char *const scheme[] = { "https:", "http:", "coaps:", "" };

	if (v.n == 0 || !mst_printable_ascii(v))
		return refuse(d, "URI with an octet that no URI has");
	if (mst_view_eq_nocase(mst_view_sub(v, 0, 4), MST_VIEW_LIT("urn:")))
		return add(i, MST_ID_NODE, v, d);
	for (size_t s = 0; s < MST_COUNT(scheme); s++) {
		size_t n = strlen(scheme[s]);
		struct mst_view rest = mst_view_sub(v, n, v.n);

		if (mst_view_eq_nocase(mst_view_sub(v, 0, n), mst_view_str(scheme[s])) &&
		    mst_view_starts(rest, "//"))
			return mst_id_valid(MST_ID_AE_ABS, rest) ? add(i, MST_ID_AE_ABS, rest, d) : 0;
	}
	return 0;
}

static bool oid_is(const ASN1_OBJECT *o, const char *text)
{
	ASN1_OBJECT *want = OBJ_txt2obj(text, 1);
	bool same = want && OBJ_cmp(o, want) == 0;

	ASN1_OBJECT_free(want);
	return same;
}

static int get_other(struct mst_cert_info *i, const OTHERNAME *o, struct mst_diag *d)
{
	char id[MST_ID_MAX];
	struct mst_writer w = mst_writer_of(id, sizeof(id));
	bool device = oid_is(o->type_id, OTHER_DEVICE);
	struct mst_view v;

	if (!device && !oid_is(o->type_id, OTHER_NODE))
		return 0;
	if (o->value->type != V_ASN1_UTF8STRING)
		return refuse(d, "value of an otherName is not a UTF8String");
	v = (struct mst_view){ ASN1_STRING_get0_data(o->value->value.utf8string),
	                       (size_t)ASN1_STRING_length(o->value->value.utf8string) };
	if (!device)
		return add(i, MST_ID_NODE, v, d);
	mst_put_str(&w, OTHER_DEVICE ".");
	mst_put(&w, v);
	return w.ok ? add(i, MST_ID_DEVICE, mst_written(&w), d) : refuse(d, "M2M Device ID too long");
}

int pki_names_read(const GENERAL_NAMES *names, struct mst_cert_info *i, struct mst_diag *d)
{
	int r = 0;

	for (int k = 0; !r && k < sk_GENERAL_NAME_num(names); k++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, k);

		if (g->type == GEN_DNS || g->type == GEN_URI) {
			struct mst_view v = { ASN1_STRING_get0_data(g->d.ia5),
					      (size_t)ASN1_STRING_length(g->d.ia5) };

			r = g->type == GEN_DNS ? get_dns(i, v, d) : get_uri(i, v, d);
		} else if (g->type == GEN_OTHERNAME) {
			r = get_other(i, g->d.otherName, d);
		}
	}
	return r;
}

int pki_names_get(const X509 *x, struct mst_cert_info *i, struct mst_diag *d)
{
	int crit = 0, r;
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &crit, NULL);

	if (!names) {
		ERR_clear_error();
		/* -1: there is none. -2: twice; 0 or 1: there is one and it cannot be read */
		return crit == -1 ? 0 : refuse(d, "cannot be read, or there are two");
	}
	r = pki_names_read(names, i, d);
	GENERAL_NAMES_free(names);
	return r;
}
