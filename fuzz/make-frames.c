/*
 * The corpus of fuzz-frame, made anew when a message has got another field:
 *
 *     build/fuzz/make-frames fuzz/corpus/fuzz-frame            writes an entry for every message, in a frame and bare
 *     build/fuzz/make-frames --check fuzz/corpus/fuzz-frame    are they such that today's readers take them whole?
 *
 * Other entries, findings above all, stay as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/frame.h"

#define OCTETS (64 * 1024)
#define ATTEMPT "0123456789abcdef0123456789abcdef"

static const struct mst_wrapped key = { { 1, 2, 3, 4 }, 4 };

static struct mst_peer peer(void)
{
	struct mst_peer p = { .how = MST_AUTH_CERT, .uid = 7 };

	p.cert.n_san = 2;
	p.cert.san[0].kind = MST_ID_NODE;
	strcpy(p.cert.san[0].value, "urn:dev:ops:1");
	p.cert.san[1].kind = MST_ID_FQDN;
	strcpy(p.cert.san[1].value, "a.example.com");
	strcpy(p.cert.subject, "CN=node");
	strcpy(p.cert.issuer, "CN=maker");
	strcpy(p.cert.serial, "0A");
	p.cert.not_before = 1;
	p.cert.not_after = 4102444800;
	p.anchor_sha256[0] = 9;
	strcpy(p.psk_identity, "00@mef.example.com");
	strcpy(p.sni, "mef.example.com");
	strcpy(p.address, "[::1]:4711");
	return p;
}

#define MESSAGE(name, type, putter, getter, ...) \
	static void write_##name(struct mst_writer *w) { struct type x = __VA_ARGS__; putter(w, &x); } \
	static bool read_##name(struct mst_view v) { static struct type x; return getter(v, &x); }

MESSAGE(conf, mst_conf_frame, mst_put_conf, mst_get_conf,
	{ .file = "/etc/muster/musterd.conf", .text = MST_VIEW_LIT("listeners = 2;\n"), .maf_anchor = { 1 },
	  .makers = { .n = 2, .sha256 = { { 2 }, { 3 } }, .subject = { "CN=acme", "CN=globex" } },
	  .crl_number = 5, .crl_made = 1700000000, .crl_until = 1700604800 })
MESSAGE(channel, mst_channel, mst_put_channel, mst_get_channel, { .id = 3, .key = { 5 }, .duties = 1 })
MESSAGE(link, mst_link_frame, mst_put_link, mst_get_link, { .peer = MST_PROC_ENGINE, .role = MST_ROLE_MEF, .channel = 3 })
MESSAGE(health, mst_health_frame, mst_put_health, mst_get_health,
	{ .ready = MST_READY_YES, .text = MST_VIEW_LIT("muster_requests_total 1\n") })
MESSAGE(exchange, mst_exchange, mst_put_exchange, mst_get_exchange,
	{ .authorization = MST_VIEW_LIT("Digest username=\"a\""), .user_agent = MST_VIEW_LIT("3gpp-gba"),
	  .role = MST_ROLE_MEF, .channel = 3, .session = 77, .peer = peer(), .http_query = MST_VIEW_LIT("a=b"), .has_export = true,
	  .export_id = { 6 }, .export_key = key, .export_reg = key, .has_key_value = true, .key_value = key, .attempt = ATTEMPT,
	  .request = { .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/MEFBase"), .from = MST_VIEW_LIT("/CSE1"), .rqi = MST_VIEW_LIT("r1"),
		       .rvi = MST_VIEW_LIT("3"), .vsi = MST_VIEW_LIT("attempt=" ATTEMPT), .accept = MST_VIEW_LIT("application/json"),
		       .media = MST_VIEW_LIT("application/json"), .ty = 65001, .content = MST_VIEW_LIT("{}") } })
MESSAGE(answer, mst_answer_frame, mst_put_answer, mst_get_answer,
	{ .rsc = 2001, .retry_after = 5, .close = true, .media = "application/cbor", .location = "/MEFBase/reg-1", .has_key = true,
	  .key = key, .at = 1, .content = MST_VIEW_LIT("{}"), .whose = { 7, 70 }, .headers = "Expires: x\r\n",
	  .parcel = { .sealed = key, .fill = { { 1, 0, 8 }, { 2, 8, 16 } }, .n_fills = 2 } })
MESSAGE(psk_ask, mst_psk_ask, mst_put_psk_ask, mst_get_psk_ask,
	{ .role = MST_ROLE_MAF, .channel = 4, .identity = "00@mef.example.com", .address = "127.0.0.1:4711", .suite = 0xae })
MESSAGE(psk_answer, mst_psk_answer_frame, mst_put_psk_answer, mst_get_psk_answer, { .key = key, .whose = { 7, 70 } })
MESSAGE(cut, mst_whose, mst_put_cut, mst_get_cut, { .one = 7 })
MESSAGE(handshake_failed, mst_handshake_failed, mst_put_handshake_failed, mst_get_handshake_failed,
	{ .role = MST_ROLE_MEF, .why = MST_TLS_BUSY, .peer = peer(), .detail = "busy" })
MESSAGE(refused, mst_refused, mst_put_refused, mst_get_refused,
	{ .role = MST_ROLE_BBN, .status = 413, .peer = peer(), .attempt = ATTEMPT, .why = "longer than allowed" })
MESSAGE(fetch_zh, mst_fetch, mst_put_fetch, mst_get_fetch,
	{ .kind = MST_FETCH_ZH, .role = MST_ROLE_BSF, .uri = "https://hss.example.com:8443", .server_name = "hss.example.com", .from = "bsf.example.com",
	  .ue_id = "001010000000001@ims.example.com", .resync = true, .rnd = { 1 }, .auts = { 2 } })
MESSAGE(fetch_zn, mst_fetch, mst_put_fetch, mst_get_fetch,
	{ .kind = MST_FETCH_ZN, .binding = MST_BIND_DIAMETER, .role = MST_ROLE_MAF, .server_name = "bsf.example.com", .from = "maf.example.com",
	  .btid = "AAAA@bsf.example.com", .naf_fqdn = "maf.example.com", .ua = { { 1, 0, 1, 0, 0xae } }, .in_card_aware = true })
MESSAGE(fetch, mst_fetch, mst_put_fetch, mst_get_fetch,
	{ .role = MST_ROLE_MAF, .uri = "https://mef.example.com:8443", .server_name = "mef.example.com", .connect_to = "127.0.0.1:8443",
	  .path = "/fetchCredentials/00%40mef.example.com/21", .from = "maf.example.com", .registered = true, .attempt = ATTEMPT })
MESSAGE(fetch_result, mst_fetch_result, mst_put_fetch_result, mst_get_fetch_result,
	{ .end = MST_FETCH_OK, .rsc = 2000, .detail = "given", .key = key, .channel = 5, .enrolee_id = "//sp.example.com/CSE1", .lifetime = 86400,
	  .rnd = { 1 }, .autn = { 2 }, .xres_n = 8, .has_int = true, .impi = "i@ims", .text = MST_VIEW_LIT("[]"), .retry_after = 9 })

static const struct message {
	const char *name;
	enum mst_frame_type type;
	void (*write)(struct mst_writer *w);
	bool (*read)(struct mst_view v);
} messages[] = {
	{ "conf", MST_FRAME_CONF, write_conf, read_conf },
	{ "channel", MST_FRAME_CHANNEL, write_channel, read_channel },
	{ "link", MST_FRAME_LINK, write_link, read_link },
	{ "health", MST_FRAME_HEALTH, write_health, read_health },
	{ "exchange", MST_FRAME_EXCHANGE, write_exchange, read_exchange },
	{ "answer", MST_FRAME_ANSWER, write_answer, read_answer },
	{ "psk-ask", MST_FRAME_PSK_ASK, write_psk_ask, read_psk_ask },
	{ "psk-answer", MST_FRAME_PSK_ANSWER, write_psk_answer, read_psk_answer },
	{ "cut", MST_FRAME_CUT, write_cut, read_cut },
	{ "handshake-failed", MST_FRAME_HANDSHAKE_FAILED, write_handshake_failed, read_handshake_failed },
	{ "refused", MST_FRAME_REFUSED, write_refused, read_refused },
	{ "fetch", MST_FRAME_FETCH, write_fetch, read_fetch },
	{ "fetch-zh", MST_FRAME_FETCH, write_fetch_zh, read_fetch_zh },
	{ "fetch-zn", MST_FRAME_FETCH, write_fetch_zn, read_fetch_zn },
	{ "fetch-result", MST_FRAME_FETCH_RESULT, write_fetch_result, read_fetch_result },
};

static void path_of(char out[4096], const char *dir, const char *name, bool bare)
{
	snprintf(out, 4096, "%s/%s%s", dir, name, bare ? "-bare" : "");
}

static bool write_one(const char *dir, const struct message *m, bool bare)
{
	static uint8_t payload[OCTETS], entry[OCTETS];
	struct mst_writer p = mst_writer_of(payload, sizeof(payload)), w = mst_writer_of(entry, sizeof(entry));
	char path[4096];
	bool good;
	FILE *f;

	m->write(&p);
	if (bare) {
		mst_put_u8(&w, (uint8_t)m->type);
		mst_put(&w, mst_written(&p));
	} else {
		mst_frame_put(&w, m->type, 1, mst_written(&p));
	}
	path_of(path, dir, m->name, bare);
	f = p.ok && w.ok ? fopen(path, "wb") : NULL;
	good = f && fwrite(entry, 1, w.n, f) == w.n;
	good = f && fclose(f) == 0 && good;
	if (!good)
		fprintf(stderr, "%s: cannot be written\n", path);
	return good;
}

static bool check_one(const char *dir, const struct message *m, bool bare)
{
	static uint8_t entry[OCTETS];
	struct mst_frame frame;
	char path[4096];
	bool good = false;
	size_t n, used;
	FILE *f;

	path_of(path, dir, m->name, bare);
	f = fopen(path, "rb");
	n = f ? fread(entry, 1, sizeof(entry), f) : 0;
	if (f)
		fclose(f);
	if (bare)
		good = n && entry[0] == m->type && m->read((struct mst_view){ entry + 1, n - 1 });
	else if (n && mst_frame_get((struct mst_view){ entry, n }, MST_FRAME_CONTROL_MAX, &frame, &used) == 0)
		good = used == n && frame.type == m->type && m->read(frame.payload);
	if (!good)
		fprintf(stderr, "%s: its reader does not take it; renew the corpus: build/fuzz/make-frames %s\n", path, dir);
	return good;
}

int main(int argc, char **argv)
{
	bool check = argc == 3 && !strcmp(argv[1], "--check"), good = true;

	if (argc != 2 && !check) {
		fprintf(stderr, "usage: make-frames [--check] DIR\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		for (int bare = 0; bare < 2; bare++)
			good = (check ? check_one : write_one)(argv[argc - 1], &messages[i], bare) && good;
	return good ? 0 : 1;
}
