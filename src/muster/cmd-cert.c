#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cert.h"
#include "muster.h"

#define REVOKED_MAX 4096

static bool days_from(const char *text, int64_t *ret_days)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (n <= 0 || n > 36500 || (*end && strcmp(end, "d") != 0))
		return false;
	*ret_days = n;
	return true;
}

/* What has been made, in text or in JSON; `more`: with a key, and what is said of it. */
static int made(const struct muster *m, int r, const char *prefix, const char *more)
{
	char cert[4200], key[4200];

	if (r != EXIT_DONE)
		return r;
	snprintf(cert, sizeof(cert), "%.4000s.pem", prefix);
	snprintf(key, sizeof(key), "%.4000s.key", prefix);
	if (m->json)
		return print_json(more ? json_pack("{s:s, s:s}", "certificate", cert, "key", key) : json_pack("{s:s}", "certificate", cert));
	if (more)
		say("made %s and %s%s", cert, key, more);
	else
		say("made %s", cert);
	return r;
}

static int cert_ca(struct muster *m, int argc, char **argv)
{
	const char *cn = NULL, *days_text = "3650", *permitted = NULL;
	const struct opt opts[] = { { "cn", &cn, NULL }, { "days", &days_text, NULL }, { "permit-dns", &permitted, NULL } };
	int64_t days;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1 || !days_from(days_text, &days))
		return usage_error(NULL, argc == 1 ? "--days is 1 to 36500" : "give one name: it becomes NAME.pem and NAME.key");
	r = ca_create(".", argv[0], cn ? cn : argv[0], days, permitted);
	return made(m, r, argv[0], " (keep the key secret)");
}

/* The names that a client certificate may carry: spec 2.5.4. */
static const struct { const char *option; enum mst_id_kind kind; } flavour[] = {
	{ "fqdn", MST_ID_FQDN }, { "node-id", MST_ID_NODE }, { "device", MST_ID_DEVICE },
	{ "cse-id", MST_ID_CSE_ABS }, { "ae-id", MST_ID_AE_ABS },
};

/* A node's certificate is renewed in its place; under a CA's name it would destroy the CA's key. */
static bool holds_ca(const char *prefix)
{
	struct mst_cert_info info;
	uint8_t der[MST_CERT_MAX];
	char path[4096];
	size_t n = 0;

	snprintf(path, sizeof(path), "%.4000s.pem", prefix);
	if (access(path, F_OK) < 0)
		return false;
	if (cert_read(path, der, sizeof(der), &n) == EXIT_DONE && mst_cert_info((struct mst_view){ der, n }, &info, NULL) == 0 && !info.is_ca)
		return false;
	complain("%s is there already and is no certificate of a node; it is never overwritten", path);
	return true;
}

static int cert_issue(struct muster *m, int argc, char **argv)
{
	const char *value[MST_COUNT(flavour)] = { 0 }, *ca_name = NULL, *cn = NULL, *days_text = "365", *out = NULL, *after = NULL;
	bool expired = false, bundle = false;
	struct opt opts[MST_COUNT(flavour) + 7];
	struct mst_cert_spec spec = { .role = MST_CERT_CLIENT };
	struct ca ca;
	size_t n = 0;
	int64_t days;
	int r;

	for (; n < MST_COUNT(flavour); n++)
		opts[n] = (struct opt){ flavour[n].option, &value[n], NULL };
	opts[n++] = (struct opt){ "ca", &ca_name, NULL };
	opts[n++] = (struct opt){ "cn", &cn, NULL };
	opts[n++] = (struct opt){ "days", &days_text, NULL };
	opts[n++] = (struct opt){ "out", &out, NULL };
	opts[n++] = (struct opt){ "not-before", &after, NULL };
	opts[n++] = (struct opt){ "expired", NULL, &expired };
	opts[n++] = (struct opt){ "bundle-signer", NULL, &bundle };
	argc = take_options(NULL, argc, argv, opts, n);
	if (argc < 0)
		return EXIT_USAGE;
	if (!days_from(days_text, &days))
		return usage_error(NULL, "--days is 1 to 36500");
	if (argc != 0 || !ca_name || !out)
		return usage_error(NULL, "--ca NAME, --out PREFIX and at least one name (--node-id URN …), or --bundle-signer and --cn, are needed");
	for (size_t i = 0; i < MST_COUNT(flavour); i++) {
		struct mst_san *san = &spec.san[spec.n_san];

		if (!value[i])
			continue;
		if (!mst_id_normalise(flavour[i].kind, mst_view_str(value[i]), san->value))
			return usage_error(NULL, "--%s: \"%s\" is not a well-formed %s", flavour[i].option, value[i],
			                   mst_id_kind_text(flavour[i].kind));
		san->kind = flavour[i].kind;
		spec.n_san++;
	}
	if (bundle && (spec.n_san || !cn))
		return usage_error(NULL, "a signer of bundles has --cn TEXT and no other name: it is no node and no server");
	if (!bundle && spec.n_san == 0)
		return usage_error(NULL, "give at least one name: --node-id, --device, --cse-id, --ae-id or --fqdn");
	if (bundle)
		spec.role = MST_CERT_BUNDLE;
	snprintf(spec.common_name, sizeof(spec.common_name), "%.120s", cn ? cn : spec.san[0].value);
	spec.not_before = wall_clock() - 60;
	if (after && !mst_parse_timestamp(mst_view_str(after), &spec.not_before))
		return usage_error(NULL, "--not-before is YYYYMMDDThhmmss (UTC)");
	if (expired)             /* for tests of refusals: ended a day ago */
		spec.not_before -= (days + 1) * 86400;
	spec.not_after = spec.not_before + days * 86400;
	r = ca_open(&ca, ".", ca_name);
	if (r != EXIT_DONE)
		return r;
	r = holds_ca(out) ? EXIT_REFUSED : ca_issue_files(&ca, &spec, out);
	ca_close(&ca);
	return made(m, r, out, "");
}

static int cert_sign(struct muster *m, int argc, char **argv)
{
	const char *ca_name = NULL, *cn = NULL, *days_text = "365", *out = NULL;
	const struct opt opts[] = { { "ca", &ca_name, NULL }, { "cn", &cn, NULL }, { "days", &days_text, NULL }, { "out", &out, NULL } };
	struct mst_cert_spec spec = { .role = MST_CERT_CLIENT };
	struct ca ca;
	int64_t days;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!days_from(days_text, &days))
		return usage_error(NULL, "--days is 1 to 36500");
	if (argc != 1 || !ca_name || !out)
		return usage_error(NULL, "--ca NAME, --out PREFIX and the request's file are needed");
	if (cn)
		snprintf(spec.common_name, sizeof(spec.common_name), "%.120s", cn);
	spec.not_before = wall_clock() - 60;
	spec.not_after = spec.not_before + days * 86400;
	r = ca_open(&ca, ".", ca_name);
	if (r != EXIT_DONE)
		return r;
	r = holds_ca(out) ? EXIT_REFUSED : ca_sign_request(&ca, argv[0], &spec, out);
	ca_close(&ca);
	return made(m, r, out, NULL);
}

static json_t *info_json(const struct mst_cert_info *i)
{
	char hex[2 * MST_SHA256_LEN + 1], from[16], until[16];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));
	json_t *names = json_array();

	mst_put_hex(&w, (struct mst_view){ i->sha256, sizeof(i->sha256) });
	mst_put_nul(&w);
	timestamp_text(i->not_before, from);
	timestamp_text(i->not_after, until);
	for (size_t k = 0; k < i->n_san; k++)
		if (json_array_append_new(names, json_pack("{s:s,s:s}", "kind", mst_id_kind_text(i->san[k].kind), "value",
		                                           i->san[k].value)))
			out_of_memory();
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:o}", "subject", i->subject, "issuer", i->issuer, "serial", i->serial, "sha256",
	                 hex, "notBefore", from, "notAfter", until, "ca", (int)i->is_ca, "names", names);
}

static int cert_show(struct muster *m, int argc, char **argv)
{
	static struct mst_cert_info info;
	uint8_t der[MST_CERT_MAX];
	struct mst_diag d = { 0 };
	json_t *j, *value;
	const char *key;
	size_t n = 0;
	int r;

	if (argc != 1)
		return usage_error(NULL, "give one certificate file (PEM)");
	r = cert_read(argv[0], der, sizeof(der), &n);
	if (r != EXIT_DONE)
		return r;
	r = mst_cert_info((struct mst_view){ der, n }, &info, &d);
	if (r != 0) {
		complain("%s: %s", argv[0], r > 0 ? d.text : mst_fault_text(r));
		return r > 0 ? EXIT_REFUSED : EXIT_FAULT;
	}
	j = info_json(&info);
	if (!j)
		out_of_memory();
	if (m->json)
		return print_json(j);
	json_object_foreach(j, key, value) {
		if (json_is_string(value))
			say("%-10s %s", key, human_time(json_string_value(value)));
	}
	for (size_t k = 0; k < info.n_san; k++)
		say("%-10s %s (%s)", "name", info.san[k].value, mst_id_kind_text(info.san[k].kind));
	json_decref(j);
	return EXIT_DONE;
}

/* A list takes the place of a list. Any other file may be somebody's only copy, a key's for one. */
static bool holds_other(const char *path)
{
	static uint8_t der[1 << 18];                /* as make_crl() has it */
	struct mst_crl_info info;
	size_t size = 0, at = 0, n = 0;
	bool list = false;
	struct stat st;
	char *text;

	if (stat(path, &st))
		return false;
	text = S_ISREG(st.st_mode) ? read_file(path, &size) : NULL;
	if (text && size && text[0] == 0x30)
		list = mst_crl_info((struct mst_view){ (uint8_t *)text, size }, MST_VIEW_NONE, &info) == 0;
	else if (text)
		list = !strstr(text, "-----BEGIN CERT") && !strstr(text, "PRIVATE KEY") &&
		       !mst_pem_next((struct mst_view){ (uint8_t *)text, size }, &at, "X509 CRL", der, sizeof(der), &n, NULL) && n;
	if (text)
		mst_wipe(text, size);
	free(text);
	if (!list)
		complain("%s: is there already and is no revocation list; only a list is overwritten: give another name", path);
	return !list;
}

/* CA-NAME.revoked: one line a certificate, "SERIAL TIMESTAMP". The list is made from it. */
static size_t read_revoked(const char *ca_name, struct mst_revoked *list)
{
	char path[600], line[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s.revoked", ca_name);
	f = fopen(path, "re");
	while (f && n < REVOKED_MAX && fgets(line, sizeof(line), f)) {
		char *blank = strchr(line, ' ');

		if (!blank || blank - line >= (ptrdiff_t)sizeof(list[n].serial))
			continue;
		*blank = '\0';
		blank[1 + strcspn(blank + 1, "\n")] = '\0';
		list[n] = (struct mst_revoked){ .reason = 0 };
		snprintf(list[n].serial, sizeof(list[n].serial), "%.*s", (int)sizeof(list[n].serial) - 1, line);
		n += mst_parse_timestamp(mst_view_str(blank + 1), &list[n].when);
	}
	if (f)
		fclose(f);
	return n;
}

static int make_crl(const char *ca_name, const char *out, int64_t days)
{
	static struct mst_revoked list[REVOKED_MAX];
	static uint8_t der[1 << 18], pem[1 << 19];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	size_t n = read_revoked(ca_name, list), size = 0;
	struct ca ca;
	int r = ca_open(&ca, ".", ca_name);

	if (r != EXIT_DONE)
		return r;
	r = mst_crl_issue(&ca.signer.signer, (struct mst_view){ ca.der, ca.n }, list, n, wall_clock(), wall_clock() - 60,
	                  wall_clock() + days * 86400, der, sizeof(der), &size);
	ca_close(&ca);
	if (r != 0) {
		complain("the revocation list could not be made");
		return EXIT_FAULT;
	}
	mst_pem_put(&w, "X509 CRL", (struct mst_view){ der, size });
	if (!w.ok || write_file(out, pem, w.n, 0644) < 0)
		return EXIT_FAULT;
	return EXIT_DONE;
}

static int cert_crl(struct muster *m, int argc, char **argv)
{
	const char *ca_name = NULL, *out = NULL, *days_text = "30";
	const struct opt opts[] = { { "ca", &ca_name, NULL }, { "out", &out, NULL }, { "days", &days_text, NULL } };
	int64_t days;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (!days_from(days_text, &days))
		return usage_error(NULL, "--days is 1 to 36500");
	if (argc != 0 || !ca_name || !out)
		return usage_error(NULL, "--ca NAME and --out FILE are needed");
	r = holds_other(out) ? EXIT_REFUSED : make_crl(ca_name, out, days);
	if (r == EXIT_DONE && m->json)
		return print_json(json_pack("{s:s}", "crl", out));
	if (r == EXIT_DONE)
		say("made %s", out);
	return r;
}

/* RFC 5280 5.3.1, those that an operator has. */
static const struct { const char *name; int number; } reasons[] = {
	{ "unspecified", 0 }, { "key-compromise", 1 }, { "affiliation-changed", 3 }, { "superseded", 4 }, { "ceased", 5 },
};

static int reason_from(const char *name)
{
	for (size_t i = 0; i < MST_COUNT(reasons); i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].number;
	return -1;
}

/* One of the installation's own CA: the daemon has the keeper make the new list and takes it over by itself. */
static int revoke_here(struct muster *m, const char *path, const char *reason)
{
	json_t *answer = NULL;
	size_t n = 0;
	char *pem;
	int r;

	if (reason_from(reason) < 0)
		return usage_error(NULL, "--reason is unspecified, key-compromise, affiliation-changed, superseded or ceased");
	if (access(path, F_OK))
		return cert_revoke_issued(m, path, reason_from(reason));
	pem = read_file(path, &n);
	if (!pem)
		return EXIT_FAULT;
	r = api_ask(m, "POST", "/v1/certificates/revoke", json_pack("{s:s, s:i}", "certificate", pem, "reason", reason_from(reason)), &answer);
	free(pem);
	if (r == EXIT_DONE && m->json)
		return print_json(answer);
	if (r == EXIT_DONE)
		say("revoked %s, serial %s; the new revocation list is being taken over", text_of(answer, "subject"), text_of(answer, "serial"));
	json_decref(answer);
	return r;
}

static int cert_revoke(struct muster *m, int argc, char **argv)
{
	const char *ca_name = NULL, *out = NULL, *reason = "unspecified";
	const struct opt opts[] = { { "ca", &ca_name, NULL }, { "out", &out, NULL }, { "reason", &reason, NULL } };
	static struct mst_cert_info info;
	uint8_t der[MST_CERT_MAX];
	char path[600], when[16];
	size_t n = 0;
	FILE *f;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc == 1 && !ca_name && !out)
		return revoke_here(m, argv[0], reason);
	if (argc != 1 || !ca_name || !out)
		return usage_error(NULL, "give the certificate; and when it is of a CA in files --ca NAME and --out FILE for the new list");
	r = holds_other(out) ? EXIT_REFUSED : cert_read(argv[0], der, sizeof(der), &n);
	if (r == EXIT_DONE && mst_cert_info((struct mst_view){ der, n }, &info, NULL) != 0) {
		complain("%s is no certificate of ours", argv[0]);
		r = EXIT_REFUSED;
	}
	if (r != EXIT_DONE)
		return r;
	snprintf(path, sizeof(path), "%s.revoked", ca_name);
	f = fopen(path, "ae");
	timestamp_text(wall_clock(), when);
	if (!f || fprintf(f, "%s %s\n", info.serial, when) < 0 || fclose(f) != 0) {
		complain("cannot write %s", path);
		return EXIT_FAULT;
	}
	r = make_crl(ca_name, out, 30);
	if (r == EXIT_DONE && m->json)
		return print_json(json_pack("{s:s, s:s, s:s}", "subject", info.subject, "serial", info.serial, "crl", out));
	if (r == EXIT_DONE)
		say("revoked %s; give %s to every verifier", info.serial, out);
	return r;
}

int cmd_cert(struct muster *m, int argc, char **argv)
{
	static const struct command table[] = {
		{ "ca", cert_ca, "NAME [--cn TEXT] [--days N] [--permit-dns DOMAIN]", "a maker's or owner's CA: NAME.pem, NAME.key" },
		{ "issue", cert_issue,
		  "--ca NAME --out PREFIX (--node-id URN|--device OID|--cse-id ID|--ae-id ID|--fqdn NAME|--bundle-signer)… [--cn TEXT] [--days N] "
		  "[--not-before TIME] [--expired]",
		  "a node's key and certificate, or a bundle signer's: PREFIX.key, PREFIX.pem" },
		{ "sign", cert_sign, "REQUEST --ca NAME --out PREFIX [--cn TEXT] [--days N]",
		  "a certificate for a key that a node made itself (muster-agent request): PREFIX.pem" },
		{ "show", cert_show, "FILE", "what a certificate says" },
		{ "revoke", cert_revoke, "FILE|SERIAL|NODE [--reason REASON] | FILE --ca NAME --out CRL",
		  "revoke it (of a node: all of its) and make a new list" },
		{ "list", cert_list, "NODE", "certificates that were issued to it over EST" },
		{ "requests", cert_requests, "[--state pending|approved|rejected|issued|any]", "requests that wait for approval (mef.est_approval)" },
		{ "approve", cert_approve, "REQUEST [--reason TEXT]", "the node gets its certificate when it asks again" },
		{ "reject", cert_reject, "REQUEST --reason TEXT", "it does not" },
		{ "crl", cert_crl, "--ca NAME --out CRL [--days N]", "make the revocation list anew" },
	};

	return run_command(m, table, MST_COUNT(table), "muster cert", argc, argv);
}
