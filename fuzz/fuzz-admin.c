/* Bodies, paths and queries of the admin API: octets into the request as the listener would hand them over, over a
 * store and a keeper of their own. */
#include <ftw.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "keeper/keeper.h"
#include "role/admin/admin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795212591

static char dir[] = "/tmp/mst-fuzz-XXXXXX";
static struct mst_store *store;
static struct mst_keeper *keeper;
static const struct mst_role_conf conf = {
	.fqdn = "mef.example.com", .secret_fqdn = "mef.example.com", .own_fqdn = { "mef.example.com", "maf.example.com" },
	.provider = { { "two.example.com", 1002 } }, .n_provider = 1, .mnc_digits = 2, .roles_played = ~0u,
	.gba = { .trigger_naf = "trigger.example.com" },
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

/* The store notices when its files go while it is open, so they go at the end. */
static void remove_all(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void open_all(void)
{
	struct mst_crypto *c = mst_crypto_openssl();
	char path[64];

	if (!mkdtemp(dir) || atexit(remove_all))
		abort();
	snprintf(path, sizeof(path), "sqlite:%s/f.db", dir);
	if (mst_store_open(path, &store, NULL))
		abort();
	snprintf(path, sizeof(path), "%s/keeper", dir);
	if (mst_keeper_create_files(path, "muster test CA", NOW, c, NULL) || mst_keeper_local_open(path, c, &keeper, NULL))
		abort();
}

/* First line: "P path?query" or "G path?query"; the rest is the body. Nothing is ever committed; what the keeper did stays. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[MST_ANSWER_MAX];
	struct mst_view in = { data, size };
	size_t line = mst_view_find(in, '\n');
	struct mst_role_env env = { .conf = &conf, .crypto = mst_crypto_openssl(), .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = 0 } };
	struct mst_answer a = { .content = mst_writer_of(room, sizeof(room)) };
	json_t *j;

	if (!store)
		open_all();
	if (size < 2)
		return 0;
	env.store = store;
	env.keeper = keeper;
	x.request.op = data[0] == 'P' ? MST_OP_CREATE : MST_OP_RETRIEVE;
	x.request.to = mst_view_sub(in, 2, line > 2 ? line - 2 : 0);
	x.request.content = mst_view_sub(in, line + 1, size);
	if (mst_store_begin(store) || mst_store_mark(store) || mst_role_admin.handle(&env, &x, &a))
		abort();
	mst_store_undo(store);
	mst_store_rollback(store);
	/* an answer always, and always JSON */
	j = a.rsc && a.content.ok ? json_loadb((const char *)a.content.p, a.content.n, 0, NULL) : NULL;
	if (!j)
		abort();
	json_decref(j);
	return 0;
}
