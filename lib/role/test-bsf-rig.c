/* The rig of test-bsf.c and test-zn.c. */
#include "role/test-bsf-rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "role/bsf/bsf.h"
#include "role/zn/zn.h"
#include "store/ops.h"

#define AV "a54211d5e3ba50bfb40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441"

struct bsf_rig g;
struct bsf_home home;

void a_home(const char *node_id)
{
	home.sub = (struct mst_subscription){ .id = "sub-1", .sp_fqdn = "sp.example", .maf_fqdn = "maf.sp.example", .not_after = NOW + 3600, .created = NOW };
	home.node = (struct mst_node){ .sub_id = "sub-1", .created = NOW, .changed = NOW };
	MST_STR_SET(home.node.node_id, node_id);
	home.sim = (struct mst_sim){ .imsi = "001010000000001", .impi = IMPI, .algorithm = 1, .key = { { 7 }, 1 }, .gsid = 1000001, .created = NOW, .changed = NOW };
}

void keep_home(bool insert)
{
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_sub_put(g.store, &home.sub, insert), 0);
	assert_int_equal(insert ? mst_store_node_insert(g.store, &home.node) : mst_store_node_update(g.store, &home.node), 0);
	if (insert)
		home.sim.node = home.node.id;
	assert_int_equal(insert ? mst_store_sim_insert(g.store, &home.sim) : mst_store_sim_update(g.store, &home.sim), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
}

int bsf_up(void **state)
{
	char path[256];

	(void)state;
	memset(&g, 0, sizeof(g));
	g.c = mst_crypto_openssl();
	g.now = NOW;
	snprintf(g.dir, sizeof(g.dir), "%s/mst-bsf-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(g.dir));
	snprintf(path, sizeof(path), "sqlite:%s/db", g.dir);
	assert_int_equal(mst_store_open(path, &g.store, NULL), 0);
	snprintf(path, sizeof(path), "%s/keeper", g.dir);
	assert_int_equal(mst_keeper_create_files(path, "muster test CA", NOW, g.c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(path, g.c, &g.keeper, NULL), 0);
	g.connector.id = 1;
	g.zn.id = 2;
	assert_int_equal(g.c->ops->random(g.c, g.connector.key, 32), 0);
	assert_int_equal(g.c->ops->random(g.c, g.zn.key, 32), 0);
	assert_int_equal(mst_keeper_local_channel(g.keeper, 1, g.connector.key, MST_DUTY_CONNECTOR), 0);
	assert_int_equal(mst_keeper_local_channel(g.keeper, 2, g.zn.key, MST_DUTY_ZN), 0);
	snprintf(g.conf.fqdn, sizeof(g.conf.fqdn), BSF);
	snprintf(g.conf.base, sizeof(g.conf.base), "/");
	g.conf.validity = g.conf.keep = 86400;
	g.conf.gba = (struct mst_gba_conf){ .hss = { .fqdn = "hss.example.com", .uri = "https://hss.example.com" }, .lifetime = 86400, .challenge = 60,
					    .amf_any = true /* set 1 has the bit: trap 11 */, .tmpi = true, .brief = true, .lock_after = 3, .lock_time = 300, .gsid = 1000001, .n_naf = 1,
					    .naf = { { .fqdn = "maf.sp.example", .name = { "in-cse.sp.example" }, .n_names = 1, .group = { "m2m" }, .n_groups = 1 } } };
	return 0;
}

int bsf_down(void **state)
{
	char cmd[160];

	(void)state;
	if (g.state)
		mst_role_bsf.forget(g.state);
	(void)mst_store_close(g.store);
	g.keeper->ops->close(g.keeper);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", g.dir);
	return system(cmd);
}

struct mst_role_env bsf_env(void)
{
	return (struct mst_role_env){ .store = g.store, .keeper = g.keeper, .crypto = g.c, .conf = &g.conf, .now = g.now, .state = &g.state };
}

/* In a transaction of its own. The status, -1 when it wants to ask first, or the fault as it is. */
int turn(const struct mst_role_ops *ops, const struct mst_fetch_result *f)
{
	struct mst_role_env e = bsf_env();
	struct mst_fetch_result back = { 0 };
	int r = mst_store_begin(g.store);

	if (f) {
		back = *f;
		back.mark = g.mark;
	}
	g.a = (struct mst_answer){ .content = mst_writer_of(g.content, sizeof(g.content)) };
	if (!r)
		r = f ? ops->resumed(&e, &g.x, &back, &g.a) : ops->handle(&e, &g.x, &g.a);
	if (!r)
		r = mst_store_commit(g.store);
	if (r) {
		mst_store_rollback(g.store);
		assert_true(r < 0);
		return r;
	}
	if (g.a.wants_fetch)
		g.mark = g.a.fetch.mark;
	return g.a.wants_fetch ? -1 : g.a.rsc;
}

/* From `g.from`, or from nowhere. */
int ub(const char *authorization)
{
	g.x = (struct mst_exchange){ .role = MST_ROLE_BSF, .channel = 9, .plain = true, .peer.how = MST_AUTH_ANONYMOUS,
				     .request = { .op = MST_OP_RETRIEVE, .to = MST_VIEW_LIT("/") }, .authorization = mst_view_str(authorization),
				     .user_agent = MST_VIEW_LIT("x; 3gpp-gba-tmpi") };
	snprintf(g.x.peer.address, sizeof(g.x.peer.address), "%s", g.from ? g.from : "");
	return turn(&mst_role_bsf, NULL);
}

/* TS 35.208 set 1, as spec gba 17.1 has it; another RAND for each `n` but 0. */
struct mst_fetch_result from_hss(const char *guss, uint8_t n)
{
	struct mst_fetch_result f = { .end = MST_FETCH_OK, .channel = 1, .xres_n = 8, .text = mst_view_str(guss) };
	struct mst_key av;
	size_t k;

	assert_true(mst_hex_decode(MST_VIEW_LIT("23553cbe9637a89d218ae64dae47bf35"), f.rnd, sizeof(f.rnd), &k));
	assert_true(mst_hex_decode(MST_VIEW_LIT("55f328b43577b9b94a9ffac354dfafb3"), f.autn, sizeof(f.autn), &k));
	f.rnd[0] ^= n;
	assert_true(mst_hex_decode(MST_VIEW_LIT(AV), av.b, sizeof(av.b), &av.n));
	if (g.res_n) {
		memmove(av.b + g.res_n, av.b + f.xres_n, 32);
		f.xres_n = g.res_n;
		av.n = f.xres_n + 32;
	}
	assert_int_equal(mst_channel_seal(&g.connector, g.c, MST_PURPOSE_AV, &av, &f.key), 0);
	return f;
}

int hss(const char *guss, uint8_t n)
{
	struct mst_fetch_result f = from_hss(guss, n);

	return turn(&mst_role_bsf, &f);
}

static void header(const char *name, char *out, size_t cap)
{
	const char *at = strstr(g.a.headers, name), *end = at ? strchr(at, '"') : NULL;

	assert_non_null(end);
	snprintf(out, cap, "%.*s", (int)(strchr(end + 1, '"') - end - 1), end + 1);
}

/* An answer to the challenge that g.a holds; by RES of the vector, or by something else. */
const char *answer(const char *password)
{
	static const uint8_t res[] = { 0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf };
	char nonce[64], hex[GBA_DIGEST_HEX];
	struct gba_digest d = { .algorithm = GBA_AKAV1_MD5, .qop = GBA_QOP_AUTH_INT, .username = mst_view_str(g.name ? g.name : IMPI), .realm = MST_VIEW_LIT(BSF),
				.nc = MST_VIEW_LIT("00000001"), .cnonce = MST_VIEW_LIT("c"), .uri = MST_VIEW_LIT("/"), .method = MST_VIEW_LIT("GET"),
				.password = password ? mst_view_str(password) : (struct mst_view){ res, g.res_n ? g.res_n : sizeof(res) } };

	header("nonce=", nonce, sizeof(nonce));
	header("opaque=", g.opaque, sizeof(g.opaque));
	d.nonce = mst_view_str(nonce);
	assert_int_equal(gba_digest(g.c, &d, hex), 0);
	snprintf(g.text, sizeof(g.text), "Digest username=\"%s\", realm=\"" BSF "\", nonce=\"%s\", uri=\"/\", qop=auth-int, nc=00000001, cnonce=\"c\", "
		 "opaque=\"%s\", algorithm=AKAv1-MD5, response=\"%s\"", g.name ? g.name : IMPI, nonce, g.opaque, hex);
	return g.text;
}

const char *forged_auts(void)
{
	static const uint8_t auts[14] = { 1 };
	char b64[32];
	struct mst_writer w = mst_writer_of(b64, sizeof(b64));
	size_t n;

	(void)answer("");                      /* it goes with a digest that has no password */
	mst_put_base64(&w, (struct mst_view){ auts, sizeof(auts) });
	mst_put_nul(&w);
	n = strlen(g.text);
	snprintf(g.text + n, sizeof(g.text) - n, ", auts=\"%s\"", b64);
	return g.text;
}

void bootstrap(const char *guss, uint8_t n)
{
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(guss, n), 401);
	assert_int_equal(ub(answer(NULL)), 200);
}

void zn_prepare(const char *fqdn, const char *content)
{
	g.x = (struct mst_exchange){ .role = MST_ROLE_ZN, .channel = 2, .plain = true, .peer = { .how = MST_AUTH_CERT, .cert = { .n_san = 1 } },
				     .request = { .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/nbsp-gba/v1/bootstrapping-info-retrieval"),
						  .media = MST_VIEW_LIT("application/json"), .content = mst_view_str(content) } };
	g.x.peer.cert.san[0].kind = MST_ID_FQDN;
	snprintf(g.x.peer.cert.san[0].value, sizeof(g.x.peer.cert.san[0].value), "%s", fqdn);
}

int zn(const char *fqdn, const char *content)
{
	zn_prepare(fqdn, content);
	return turn(&mst_role_zn, NULL);
}

static int count(void *arg, const struct mst_gba_session *s)
{
	(void)s;
	++*(int *)arg;
	return 0;
}

int sessions(void)
{
	int n = 0;

	assert_int_equal(mst_store_gba_session_list(g.store, NULL, "", 0, count, &n), 0);
	return n;
}

bool challenge_kept(const char *nonce)
{
	static struct mst_gba_run r;
	int e = mst_store_gba_run_get(g.store, nonce, &r);

	assert_true(e >= 0);
	return !e;
}
