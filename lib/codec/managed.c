#include "codec/managed.h"

#include "base/secret.h"
#include "base/text.h"
#include "codec/checks.h"
#include "codec/ident.h"

#define BIT(i) (1u << (i))
#define S struct mst_object
#define LABEL .check = mst_check_label, .expects = MST_EXPECTS_LABEL

bool mst_fingerprint_valid(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f') || (v.p[i] >= 'A' && v.p[i] <= 'F')))
			return false;
	return v.n == 64;
}

/* Segments of unreserved characters, a slash between them and none at the ends. */
static bool path_good(struct mst_view v)
{
	bool fresh = true;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c == '/' ? fresh : !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
		fresh = c == '/';
	}
	return v.n && !fresh;
}

static bool https_good(struct mst_view v)
{
	return mst_check_uri(v) && mst_view_starts(v, "https:");
}

static bool suid_good(int64_t suid)
{
	return suid >= 0 && suid < 100 && mst_suid_known((int)suid);
}

static const struct mst_field object_row[] = {
	MST_ROW(PATH, 1, STR, MST_F_REQUIRED, S, path, 1, 128, "where it stands (ours)", .check = path_good,
		.expects = "segments of letters, digits, dot, underscore, hyphen, with a slash between them"),
	MST_ROW(MGMT_DEFINITION, 2, INT, MST_F_REQUIRED, S, mgmt, 1020, 1026, "what it is (TS-0022 7.1.1)"),
	MST_ROW(SUID, 3, INT, 0, S, suid, 10, 45, "what the credential is for (m2m:suid)"),
	MST_ROW_LIST(TLS_CIPHERSUITES, 4, STR, 0, S, suites, n_suites, 1, MST_SUITES_MAX, 1, 64, "suites by their names",
		     .check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW(SYMM_KEY_ID, 5, STR, 0, S, symm_key_id, 1, 255, "a key that the node has", .check = mst_check_key_id,
		.expects = "a key identifier like 0A1B@maf.example.com"),
	MST_ROW(SYMM_KEY_VALUE, 6, SECRET, 0, S, symm_key_value, 16, MST_KEY_MAX, "the key itself"),
	MST_ROW_LIST(KEY_REG_LABELS, 7, STR, 0, S, key_labels, n_key_labels, 0, MST_LABELS_MAX, 1, 128, "labels of the key registration", LABEL),
	MST_ROW(KEY_REG_DURATION, 8, DURATION, 0, S, key_duration, 0, 0, "how long the registered key is to be good"),
	MST_ROW(MY_CERT_FINGERPRINT, 9, STR, 0, S, my_cert, 64, 64, "SHA-256 of the node's certificate", .check = mst_fingerprint_valid,
		.expects = "64 hex digits"),
	MST_ROW(CERT_FINGERPRINT, 10, STR, 0, S, cert, 64, 64, "SHA-256 of the trust anchor", .check = mst_fingerprint_valid,
		.expects = "64 hex digits"),
	MST_ROW(CMD_URI, 11, STR, 0, S, uri, 1, 255, "where the trust anchor is to be had", .check = https_good,
		.expects = "an https URI"),
	MST_ROW(FQDN, 12, STR, 0, S, fqdn, 1, 255, "FQDN of the MAF or MEF", .check = mst_check_fqdn, .expects = MST_EXPECTS_FQDN),
	MST_ROW(ADMIN_FQDN, 13, STR, 0, S, admin_fqdn, 1, 255, "administrating stakeholder", .check = mst_check_fqdn,
		.expects = MST_EXPECTS_FQDN),
	MST_ROW(EXPIRATION_TIME, 14, TIME, 0, S, expires, 0, 0, "proposed end of the registration"),
	MST_ROW_LIST(LABELS, 15, STR, 0, S, labels, n_labels, 0, MST_LABELS_MAX, 1, 128, "labels of the registration", LABEL),
	MST_ROW(HTTP_PORT, 16, INT, 0, S, http_port, 1, 65535, "HTTP is spoken there, at this port"),
	MST_ROW(COAP_PORT, 17, INT, 0, S, coap_port, 1, 65535, "CoAP is spoken there, at this port"),
	MST_ROW(WEBSOCKET_PORT, 18, INT, 0, S, websocket_port, 1, 65535, "WebSocket is spoken there, at this port"),
	MST_ROW(ORIGINATOR_ID, 19, STR, 0, S, originator, 1, 255, "as whom to register", .check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW_LIST(POINT_OF_ACCESS, 20, STR, 0, S, poa, n_poa, 0, MST_POA_MAX, 1, 255, "points of access of the registrar",
		     .check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW(CSE_BASE, 21, STR, 0, S, cse_base, 1, 255, "CSEBase of the registrar", .check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW(REGISTRAR, 22, STR, 0, S, registrar, 1, 255, "CSE-ID of the registrar", .check = mst_check_cse_abs, .expects = MST_EXPECTS_CSE),
	MST_ROW(APP_ID, 23, STR, 0, S, app_id, 1, 255, "App-ID", .check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
	MST_ROW(CONTAINER_PATH, 24, STR, 0, S, container_path, 1, 255, "container of the collected data, below its CSE-ID",
		.check = mst_check_token, .expects = MST_EXPECTS_TOKEN),
};
static const struct mst_msg object_msg = {
	.what = "management object", .size = sizeof(S), .field = object_row, .n = MST_COUNT(object_row), .doc = "TS-0022, spec 7.3",
};
static const struct mst_field objects_row[] = {
	MST_ROW_LIST(OBJECTS, 1, OBJECT, MST_F_REQUIRED, struct mst_objects, object, n, 0, MST_OBJECTS_MAX, 0, 0, "the whole set",
		     .sub = &object_msg),
};
const struct mst_msg mst_objects_msg = {
	.what = "management objects", .size = sizeof(struct mst_objects), .field = objects_row, .n = MST_COUNT(objects_row),
	.doc = "ours; the objects: TS-0022",
};

/* --- what each definition takes --- */

#define REG_CFG (BIT(MST_MO_FQDN) | BIT(MST_MO_ADMIN) | BIT(MST_MO_EXPIRES) | BIT(MST_MO_LABELS) | BIT(MST_MO_HTTP) | BIT(MST_MO_COAP) | BIT(MST_MO_WS))
static const struct { int64_t mgmt; const char *text; uint32_t needs, takes; } kinds[] = {
	{ MST_MGMT_REGISTRATION, "registration", 0,
	  BIT(MST_MO_ORIGINATOR) | BIT(MST_MO_POA) | BIT(MST_MO_CSE_BASE) | BIT(MST_MO_REGISTRAR) | BIT(MST_MO_APP) },
	{ MST_MGMT_DATA_COLLECTION, "dataCollection", BIT(MST_MO_CONTAINER), BIT(MST_MO_CONTAINER) },
	{ MST_MGMT_AUTH_PROFILE, "authenticationProfile", BIT(MST_MO_SUID),
	  BIT(MST_MO_SUID) | BIT(MST_MO_SUITES) | BIT(MST_MO_KEY_ID) | BIT(MST_MO_KEY_VALUE) | BIT(MST_MO_KEY_LABELS) |
	  BIT(MST_MO_KEY_DURATION) | BIT(MST_MO_MY_CERT) },
	{ MST_MGMT_TRUST_ANCHOR, "trustAnchorCred", BIT(MST_MO_CERT), BIT(MST_MO_CERT) | BIT(MST_MO_URI) },
	{ MST_MGMT_MAF_REG, "MAFClientRegCfg", BIT(MST_MO_FQDN) | BIT(MST_MO_ADMIN), REG_CFG },
	{ MST_MGMT_MEF_REG, "MEFClientRegCfg", BIT(MST_MO_FQDN) | BIT(MST_MO_ADMIN), REG_CFG },
};

const char *mst_mgmt_text(int64_t mgmt)
{
	for (size_t i = 0; i < MST_COUNT(kinds); i++)
		if (kinds[i].mgmt == mgmt)
			return kinds[i].text;
	return "?";
}

static const char *name_of_bit(uint32_t bits)
{
	for (size_t i = 0; i < MST_COUNT(object_row); i++)
		if (bits & BIT(i))
			return mst_name(object_row[i].name, MST_PROFILE_LONG);
	return "";
}

/* Where in the document, for people: the object's path. */
static int wrong(struct mst_diag *d, const struct mst_object *x, int outcome, const char *a, const char *b, const char *c)
{
	char path[136];

	(void)mst_view_to_str(mst_view_sub(x->path, 0, sizeof(path) - 1), path, sizeof(path));
	if (d)
		mst_diag_set(d, 0, path, a, b, c, NULL);
	return outcome;
}

static int check_one(const struct mst_object *x, bool from_mef, struct mst_diag *d)
{
	size_t k = 0;
	uint32_t has = x->has & ~(BIT(MST_MO_PATH) | BIT(MST_MO_MGMT)), bad;

	while (k < MST_COUNT(kinds) && kinds[k].mgmt != x->mgmt)
		k++;
	if (k == MST_COUNT(kinds))
		return wrong(d, x, MST_MSG_INVALID, "mgmtDefinition: 1020, 1021, 1022, 1024, 1025 or 1026 can be given; certificates come over EST", "", "");
	bad = has & ~kinds[k].takes;
	if (bad)
		return wrong(d, x, MST_MSG_INVALID, name_of_bit(bad), " does not belong to ", kinds[k].text);
	bad = kinds[k].needs & ~has;
	if (bad)
		return wrong(d, x, MST_MSG_MISSING, name_of_bit(bad), " is missing in ", kinds[k].text);
	if ((has & BIT(MST_MO_SUID)) && !suid_good(x->suid))
		return wrong(d, x, MST_MSG_INVALID, "SUID: no value of m2m:suid", "", "");
	if (from_mef && (has & (BIT(MST_MO_KEY_ID) | BIT(MST_MO_KEY_VALUE))))
		return wrong(d, x, MST_MSG_INVALID, name_of_bit(has & (BIT(MST_MO_KEY_ID) | BIT(MST_MO_KEY_VALUE))),
			     ": a MEF gives no keys this way (TS-0003 8.3.8); link the profile to a MEFClientRegCfg", "");
	if ((has & BIT(MST_MO_KEY_DURATION)) && x->key_duration <= 0)
		return wrong(d, x, MST_MSG_INVALID, "keyRegDuration: longer than nothing is wanted", "", "");
	return 0;
}

static struct mst_view bare(struct mst_view path)
{
	return path.n && path.p[0] == '/' ? mst_view_sub(path, 1, path.n) : path;
}

const struct mst_object *mst_object_find(const struct mst_objects *o, struct mst_view path)
{
	path = bare(path);
	for (size_t i = 0; i < o->n; i++)
		if (mst_view_eq(o->object[i].path, path))
			return &o->object[i];
	return NULL;
}

static struct mst_view above(struct mst_view path)
{
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	return mst_view_sub(path, 0, path.n ? path.n - 1 : 0);
}

const struct mst_object *mst_object_parent(const struct mst_objects *o, const struct mst_object *x)
{
	struct mst_view up = above(x->path);

	return up.n ? mst_object_find(o, up) : NULL;
}

const struct mst_object *mst_object_child(const struct mst_objects *o, const struct mst_object *x, int64_t mgmt)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->object[i].mgmt == mgmt && mst_view_eq(above(o->object[i].path), x->path))
			return &o->object[i];
	return NULL;
}

int mst_objects_check(const struct mst_objects *o, bool from_mef, struct mst_diag *d)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct mst_object *x = &o->object[i];
		int r = check_one(x, from_mef, d);

		if (r)
			return r;
		if (mst_object_find(o, x->path) != x)
			return wrong(d, x, MST_MSG_DUPLICATE, "path: there are two objects of this path", "", "");
		if (above(x->path).n && !mst_object_parent(o, x))
			return wrong(d, x, MST_MSG_INVALID, "path: the object above it is not in the document", "", "");
	}
	return 0;
}

bool mst_device_config_split(struct mst_view v, int64_t *ret_id, struct mst_view *ret_uri)
{
	size_t colon = mst_view_find(v, ':');
	uint64_t id;

	if (colon >= v.n || !mst_parse_dec(mst_view_sub(v, 0, colon), 255, &id) || !mst_check_token(mst_view_sub(v, colon + 1, v.n)))
		return false;
	*ret_id = (int64_t)id;
	*ret_uri = mst_view_sub(v, colon + 1, v.n);
	return true;
}
