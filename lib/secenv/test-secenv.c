#include "tests/support/cm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "secenv/private.h"
#include "secenv/root.h"
#include "secenv/sealed.h"

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96];

static int fresh(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-secenv-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	return 0;
}

static int clean(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct mst_secenv *must_open(void)
{
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int r = mst_secenv_file_open(dir, key_file, c, &s, &d);

	if (r)
		print_error("%s: %s\n", d.field, d.text);
	assert_int_equal(r, 0);
	return s;
}

static struct mst_root_cred cred(uint8_t x)
{
	struct mst_root_cred k;

	memset(&k, 0, sizeof(k));
	memset(k.key.b, x, MST_KEY_LEN);
	k.key.n = MST_KEY_LEN;
	snprintf(k.key_id, sizeof(k.key_id), "key-%u@maf.example.com", x);
	snprintf(k.node_id, sizeof(k.node_id), "urn:dev:ops:%u", x);
	snprintf(k.registrar_poa[0], sizeof(k.registrar_poa[0]), "https://in.example.com");
	k.n_registrar_poa = 1;
	k.not_after = MST_NEVER;
	k.generation = x;
	k.suid = 21;
	return k;
}

static void expect(struct mst_secenv *s, enum mst_slot slot, uint8_t x)
{
	struct mst_root_cred want = cred(x), got;
	struct mst_diag d = { 0 };
	int r = s->ops->load(s, slot, &got, &d);

	if (x == 0) {
		assert_int_equal(r, MST_SECENV_NONE);
		return;
	}
	assert_int_equal(r, 0);
	assert_memory_equal(&got, &want, sizeof(got));
}

static void put(struct mst_secenv *s, enum mst_slot slot, uint8_t x)
{
	struct mst_root_cred k = cred(x);

	assert_int_equal(s->ops->store(s, slot, &k, NULL), 0);
}

static void flip(const char *name, long at)
{
	char path[160];
	FILE *f;
	int o;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	o = fgetc(f);
	assert_int_not_equal(o, EOF);
	assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
	assert_int_equal(fputc(o ^ 1, f), o ^ 1);
	fclose(f);
}

static void two_slots_promote_and_stay(void **state)
{
	struct mst_secenv *s = must_open();

	(void)state;
	expect(s, MST_SLOT_ACTIVE, 0);
	expect(s, MST_SLOT_PENDING, 0);
	assert_int_equal(s->ops->promote(s, NULL), MST_SECENV_NONE);
	for (uint8_t i = 1; i <= 5; i++) {
		put(s, MST_SLOT_PENDING, i);
		expect(s, MST_SLOT_PENDING, i);
		/* lesson 4: the old one is there until the new one has been used */
		expect(s, MST_SLOT_ACTIVE, (uint8_t)(i - 1));
		s->ops->close(s);
		s = must_open();
		expect(s, MST_SLOT_PENDING, i);
		assert_int_equal(s->ops->promote(s, NULL), 0);
		expect(s, MST_SLOT_ACTIVE, i);
		expect(s, MST_SLOT_PENDING, 0);
	}
	put(s, MST_SLOT_PENDING, 9);
	assert_int_equal(s->ops->erase(s, MST_SLOT_PENDING, NULL), 0);
	assert_int_equal(s->ops->erase(s, MST_SLOT_PENDING, NULL), 0);
	expect(s, MST_SLOT_PENDING, 0);
	expect(s, MST_SLOT_ACTIVE, 5);
	put(s, MST_SLOT_ACTIVE, 6);
	s->ops->close(s);
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 6);
	s->ops->close(s);
}

static void the_old_credential_leaves_no_file(void **state)
{
	struct mst_secenv *s = must_open();
	struct dirent *e;
	unsigned creds = 0;
	DIR *d;

	(void)state;
	put(s, MST_SLOT_PENDING, 1);
	assert_int_equal(s->ops->promote(s, NULL), 0);
	put(s, MST_SLOT_PENDING, 2);
	assert_int_equal(s->ops->promote(s, NULL), 0);
	d = opendir(dir);
	assert_non_null(d);
	while ((e = readdir(d)))
		creds += strncmp(e->d_name, "cred-", 5) == 0;
	closedir(d);
	assert_int_equal(creds, 1);
	s->ops->close(s);
}

static void nothing_readable_on_disk(void **state)
{
	struct mst_secenv *s = must_open();
	char cmd[200];

	(void)state;
	put(s, MST_SLOT_ACTIVE, 'K');           /* the key is 32 times K */
	s->ops->close(s);
	snprintf(cmd, sizeof(cmd), "grep -rqa -e KKKKKKKK -e maf.example %s", dir);
	assert_int_not_equal(system(cmd), 0);
}

static void blobs(void **state)
{
	struct mst_secenv *s = must_open();
	static uint8_t big[SEALED_PLAIN_MAX + 1], out[SEALED_PLAIN_MAX];
	size_t n = 0;

	(void)state;
	memset(big, 'b', sizeof(big));
	assert_int_equal(s->ops->load_blob(s, "progress", out, sizeof(out), &n, NULL), MST_SECENV_NONE);
	assert_int_equal(s->ops->store_blob(s, "progress", MST_VIEW_LIT("one"), NULL), 0);
	assert_int_equal(s->ops->store_blob(s, "progress", MST_VIEW_LIT("two!"), NULL), 0);
	assert_int_equal(s->ops->load_blob(s, "progress", out, sizeof(out), &n, NULL), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(out, "two!", 4);
	assert_int_equal(s->ops->load_blob(s, "progress", out, 3, &n, NULL), MST_FAULT_MEMORY);
	assert_int_equal(s->ops->store_blob(s, "empty", MST_VIEW_NONE, NULL), 0);
	assert_int_equal(s->ops->load_blob(s, "empty", out, sizeof(out), &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(s->ops->store_blob(s, "big", (struct mst_view){ big, SEALED_PLAIN_MAX }, NULL), 0);
	assert_int_equal(s->ops->load_blob(s, "big", out, sizeof(out), &n, NULL), 0);
	assert_int_equal(n, SEALED_PLAIN_MAX);
	assert_int_equal(s->ops->store_blob(s, "big", (struct mst_view){ big, sizeof(big) }, NULL),
			 MST_FAULT_BUG);
	assert_int_equal(s->ops->store_blob(s, "../x", MST_VIEW_NONE, NULL), MST_FAULT_BUG);
	assert_int_equal(s->ops->store_blob(s, "", MST_VIEW_NONE, NULL), MST_FAULT_BUG);
	assert_int_equal(s->ops->store_blob(s, "a-name-of-thirty-three-characters", MST_VIEW_NONE, NULL),
			 MST_FAULT_BUG);
	s->ops->close(s);
}

static void two_agents_cannot_share(void **state)
{
	struct mst_secenv *s = must_open(), *t = NULL;
	struct mst_diag d;

	(void)state;
	assert_int_equal(mst_secenv_file_open(dir, key_file, c, &t, &d), MST_SECENV_LOCKED);
	assert_null(t);
	s->ops->close(s);
	s = must_open();
	s->ops->close(s);
}

/* lesson 16: "corrupt" is never treated as "fresh" */
static void a_damaged_copy_gives_the_older_one_and_says_so(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	struct mst_diag d = { 0 };

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	put(s, MST_SLOT_ACTIVE, 2);             /* cred-0.a holds 1, cred-0.b holds 2 */
	flip("cred-0.b", -1);
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, &d), 0);
	assert_int_equal(got.generation, 1);
	assert_string_equal(d.field, "cred-0");
	put(s, MST_SLOT_ACTIVE, 3);             /* takes the place of the damaged one */
	expect(s, MST_SLOT_ACTIVE, 3);
	flip("cred-0.a", 20);
	flip("cred-0.b", 20);
	memset(&d, 0, sizeof(d));
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, &d), MST_SECENV_CORRUPT);
	assert_string_equal(d.field, "cred-0");
	s->ops->close(s);
	s = must_open();
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, &d), MST_SECENV_CORRUPT);
	s->ops->close(s);
}

static void a_damaged_record_of_slots_has_a_second_copy(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	char cmd[200];

	(void)state;
	put(s, MST_SLOT_PENDING, 1);
	assert_int_equal(s->ops->promote(s, NULL), 0);
	for (int i = 0; i < 2; i++) {
		flip(i ? "slots.b" : "slots.a", 30);
		expect(s, MST_SLOT_ACTIVE, 1);
		expect(s, MST_SLOT_PENDING, 0);
		s->ops->close(s);
		s = must_open();                /* which repairs it */
	}
	expect(s, MST_SLOT_ACTIVE, 1);
	flip("slots.a", 30);
	flip("slots.b", 30);
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
	assert_int_equal(s->ops->load(s, MST_SLOT_PENDING, &got, NULL), MST_SECENV_CORRUPT);
	assert_int_equal(s->ops->promote(s, NULL), MST_SECENV_CORRUPT);
	got = cred(1);
	assert_int_equal(s->ops->store(s, MST_SLOT_PENDING, &got, NULL), MST_SECENV_CORRUPT);
	s->ops->close(s);
	/* nor does it help to lose them altogether */
	snprintf(cmd, sizeof(cmd), "rm %s/slots.?", dir);
	assert_int_equal(system(cmd), 0);
	s = must_open();
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
	/* somebody decides to begin anew */
	assert_int_equal(s->ops->erase(s, MST_SLOT_ACTIVE, NULL), 0);
	expect(s, MST_SLOT_ACTIVE, 0);
	put(s, MST_SLOT_ACTIVE, 7);
	expect(s, MST_SLOT_ACTIVE, 7);
	s->ops->close(s);
}

/* lesson 16: not even when all that is left is a blob */
static void what_is_left_over_is_no_fresh_start(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	char cmd[200];

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	assert_int_equal(s->ops->store_blob(s, "progress", MST_VIEW_LIT("x"), NULL), 0);
	s->ops->close(s);
	snprintf(cmd, sizeof(cmd), "cd %s && rm slots.? cred-*", dir);
	assert_int_equal(system(cmd), 0);
	s = must_open();
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
	s->ops->close(s);
}

static void every_turned_bit_and_every_cut_is_noticed(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	struct stat st;
	char path[160];

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	snprintf(path, sizeof(path), "%s/cred-0.a", dir);
	assert_int_equal(stat(path, &st), 0);
	for (long at = 0; at < st.st_size; at++) {
		flip("cred-0.a", at);
		assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
		flip("cred-0.a", at);
	}
	expect(s, MST_SLOT_ACTIVE, 1);
	for (off_t n = st.st_size - 1; n >= 0; n -= n > 60 ? 13 : 1) {
		assert_int_equal(truncate(path, n), 0);
		assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
	}
	s->ops->close(s);
}

static void files_cannot_change_places(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	char cmd[300];

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	put(s, MST_SLOT_PENDING, 2);
	snprintf(cmd, sizeof(cmd), "cd %s && mv cred-0.a x && mv cred-1.a cred-0.a && mv x cred-1.a", dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
	assert_int_equal(s->ops->load(s, MST_SLOT_PENDING, &got, NULL), MST_SECENV_CORRUPT);
	s->ops->close(s);
}

static void the_key_file_is_looked_at(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	struct mst_diag d = { 0 };
	struct stat st;
	int fd;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	s = NULL;
	assert_int_equal(stat(key_file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(key_file, 0640), 0);
	assert_int_equal(mst_secenv_file_open(dir, key_file, c, &s, &d), MST_FAULT_CONFIG);
	assert_string_equal(d.field, key_file);
	assert_int_equal(chmod(key_file, 0400), 0);     /* a credential handed in by the service manager */
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(mst_secenv_file_open(dir, key_file, c, &s, &d), MST_FAULT_CONFIG);
	assert_int_equal(chmod(dir, 0700), 0);
	/* gone: no new key over sealed files */
	assert_int_equal(unlink(key_file), 0);
	assert_int_equal(mst_secenv_file_open(dir, key_file, c, &s, &d), MST_SECENV_CORRUPT);
	assert_int_not_equal(access(key_file, F_OK), 0);
	/* not a key */
	fd = open(key_file, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "0123456789abcdef0123456789abcdef!", 33), 33);
	close(fd);
	assert_int_equal(mst_secenv_file_open(dir, key_file, c, &s, &d), MST_SECENV_CORRUPT);
	/* the record of a back end, which this one has none of: whatever its length, and with the hash that fits */
	for (size_t n = 0; n <= 40; n += 8) {
		uint8_t b[96] = { 'm', 's', 't', 'K', 1, MST_SECENV_FILE, 0, (uint8_t)n };

		assert_int_equal(c->ops->sha256(c, (struct mst_view){ b, 8 + n }, b + 8 + n), 0);
		fd = open(key_file, O_TRUNC | O_WRONLY);
		assert_int_equal(write(fd, b, 8 + n + MST_SHA256_LEN), 8 + n + MST_SHA256_LEN);
		close(fd);
		assert_int_equal(mst_secenv_file_open(dir, key_file, c, &s, &d), MST_SECENV_CORRUPT);
	}
	/* another key */
	assert_int_equal(truncate(key_file, 32), 0);
	s = must_open();
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, &d), MST_SECENV_CORRUPT);
	s->ops->close(s);
}

/* What is written first has a name of its own, however long that of the file is: no other file's, and not the file's itself. */
static void a_long_name(void **state)
{
	char name[80], path[2][200], b[8];
	FILE *f;

	(void)state;
	for (size_t n = 56; n < 72; n++) {
		memset(name, 'k', sizeof(name));
		for (int i = 0; i < 2; i++)      /* and one that is as its beginning */
			snprintf(path[i], sizeof(path[i]), "%s/%.*s", top, (int)(i ? 63 : n), name);
		f = fopen(path[1], "w");
		assert_true(f && fputs("other", f) >= 0 && fclose(f) == 0);
		assert_int_equal(secenv_write_path(secenv_port_real(), path[0], MST_VIEW_LIT("ours"), NULL), 0);
		for (int i = 0; i < 2; i++) {
			f = fopen(path[i], "r");
			assert_true(f && fgets(b, sizeof(b), f) && fclose(f) == 0);
			assert_string_equal(b, i && n != 63 ? "other" : "ours");
		}
		assert_int_equal(unlink(path[0]), 0);
		(void)unlink(path[1]);
	}
}

/* The directory of the key file need not be ours alone: what stands where it is written first is not written into. */
static void a_key_goes_through_nobody_elses_file(void **state)
{
	char planted[128], theirs[128];
	struct stat st, got;

	(void)state;
	snprintf(planted, sizeof(planted), "%s.new", key_file);
	snprintf(theirs, sizeof(theirs), "%s/theirs", top);
	for (int link = 0; link < 2; link++) {
		int fd = open(link ? theirs : planted, O_CREAT | O_EXCL | O_RDWR, 0600);
		struct mst_secenv *s;

		assert_int_equal(fchmod(fd, 0666), 0);
		assert_int_equal(fstat(fd, &st), 0);
		if (link)
			assert_int_equal(symlink(theirs, planted), 0);
		s = must_open();
		s->ops->close(s);
		assert_int_equal(lstat(key_file, &got), 0);
		assert_true(got.st_ino != st.st_ino && got.st_mode == (S_IFREG | 0600) && got.st_size == 32);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_int_not_equal(faccessat(AT_FDCWD, planted, F_OK, AT_SYMLINK_NOFOLLOW), 0);
		close(fd);
		assert_int_equal(clean(NULL), 0);
		assert_int_equal(mkdir(top, 0700), 0);
	}
}

static void credentials_as_octets(void **state)
{
	struct mst_root_cred a = cred(3), b;
	uint8_t buf[MST_ROOT_CRED_MAX + 1];
	struct mst_writer w = mst_writer_of(buf, MST_ROOT_CRED_MAX);

	(void)state;
	memset(a.key.b, 9, MST_KEY_MAX);
	a.key.n = MST_KEY_MAX;
	a.ke = a.key;
	a.confirmed = true;
	a.n_registrar_poa = 4;
	for (size_t i = 0; i < 4; i++)
		memset(a.registrar_poa[i], 'p', MST_ID_MAX - 1);
	memset(a.mef_uri, 'u', MST_ID_MAX - 1);
	a.method = 3;
	memcpy(a.ua, "\1\0\1\0\xae", sizeof(a.ua));
	a.not_after = 9000;
	a.mef_reg = (struct mst_reg_term){ 1000, 8000 };
	a.maf_reg = (struct mst_reg_term){ 1001, 7000 };
	assert_true(mst_root_cred_until(&a) == 7000);
	assert_int_equal(mst_root_cred_encode(&a, &w), 0);
	assert_true(mst_root_cred_decode(mst_written(&w), &b));
	assert_memory_equal(&a, &b, sizeof(a));
	for (size_t n = 0; n < w.n; n++)
		assert_false(mst_root_cred_decode((struct mst_view){ buf, n }, &b));
	buf[w.n] = 0;
	assert_false(mst_root_cred_decode((struct mst_view){ buf, w.n + 1 }, &b));
	/* a record of an agent that kept one end: the same without the last 32 octets, and not_after was the earliest */
	buf[1] = 2;
	assert_true(mst_root_cred_decode((struct mst_view){ buf, w.n - 32 }, &b));
	a.mef_reg = a.maf_reg = (struct mst_reg_term){ 0, 0 };
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(mst_root_cred_until(&b) == 9000);
	assert_false(mst_root_cred_decode((struct mst_view){ buf, w.n }, &b));
	assert_false(mst_root_cred_decode((struct mst_view){ buf, w.n - 38 }, &b));
	/* of one before GBA: six octets less */
	buf[1] = 1;
	assert_true(mst_root_cred_decode((struct mst_view){ buf, w.n - 38 }, &b));
	a.method = 0;
	memset(a.ua, 0, sizeof(a.ua));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_false(mst_root_cred_decode((struct mst_view){ buf, w.n }, &b));
	buf[1] = 0;
	assert_false(mst_root_cred_decode((struct mst_view){ buf, w.n }, &b));
	buf[1] = 4;                             /* a later version */
	assert_false(mst_root_cred_decode((struct mst_view){ buf, w.n }, &b));
	a.n_registrar_poa = 5;
	w = mst_writer_of(buf, sizeof(buf));
	assert_int_equal(mst_root_cred_encode(&a, &w), MST_FAULT_BUG);
	a.n_registrar_poa = 0;
	memset(a.key_id, 'k', sizeof(a.key_id));        /* not terminated */
	assert_int_not_equal(mst_root_cred_encode(&a, &w), 0);
}

static void the_longest_credential_fits(void **state)
{
	struct mst_root_cred a;
	uint8_t buf[MST_ROOT_CRED_MAX];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	char *const text[] = { a.key_id,     a.ke_id,    a.admin_fqdn,      a.mef_fqdn,   a.mef_uri,
			       a.mef_reg_id, a.maf_fqdn, a.maf_uri,         a.maf_reg_id, a.node_id,
			       a.cse_id,     a.ae_id,    a.registrar_cse_id };

	(void)state;
	memset(&a, 0, sizeof(a));
	for (size_t i = 0; i < MST_COUNT(text); i++)
		memset(text[i], 'x', MST_ID_MAX - 1);
	for (size_t i = 0; i < 4; i++)
		memset(a.registrar_poa[i], 'x', MST_ID_MAX - 1);
	memset(a.attempt, 'x', 32);
	a.n_registrar_poa = 4;
	a.key.n = a.ke.n = MST_KEY_MAX;
	assert_int_equal(mst_root_cred_encode(&a, &w), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, clean)
/* A credential of a service manager: root's, with a list that names who may read it. Nobody else may be in that. */
static void a_secret_that_a_list_gives_to_us_alone(void **state)
{
	static const struct { uint16_t tag; bool us; bool good; } third[] = {
		{ ACL_USER, true, true }, { ACL_USER, false, false }, { ACL_GROUP, true, false },
	};
	const uint32_t nobody = (uint32_t)ACL_UNDEFINED_ID;
	char path[] = "/tmp/mst-secret-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "32 octets, which are a store's.\n", 32), 32);
	for (size_t i = 0; i < MST_COUNT(third); i++) {
		struct { struct posix_acl_xattr_header head; struct posix_acl_xattr_entry e[5]; } acl = {
			{ POSIX_ACL_XATTR_VERSION }, { { ACL_USER_OBJ, ACL_READ, nobody },
			{ third[i].tag, ACL_READ, third[i].us ? geteuid() : geteuid() + 1 }, { ACL_GROUP_OBJ, 0, nobody },
			{ ACL_MASK, ACL_READ, nobody }, { ACL_OTHER, 0, nobody } } };
		struct posix_acl_xattr_entry swapped[2] = { acl.e[2], acl.e[1] };
		uint8_t out[33];
		enum mst_secenv_kind kind;
		size_t n = 0;
		struct stat st;

		/* the kernel wants users before the group, and groups behind it */
		if (third[i].tag == ACL_GROUP)
			memcpy(&acl.e[1], swapped, sizeof(swapped));
		if (fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0)) {
			assert_int_equal(errno, ENOTSUP);        /* a file system without lists has no such files */
			break;
		}
		assert_return_code(fstat(fd, &st), errno);
		assert_int_equal(st.st_mode & 0777, 0440);
		assert_int_equal(secenv_read_secret(path, out, sizeof(out), &n, NULL), third[i].good ? 0 : MST_SECENV_REFUSED);
		/* a store's key file, which is told by its 32 octets, and files by their names: the same answer */
		assert_int_equal(mst_secenv_kind_of(path, c, &kind, NULL), third[i].good ? 0 : MST_FAULT_CONFIG);
		assert_int_equal(mst_is_private_file(path, &st, false), third[i].good);
		/* to one who looks at another's file, whoever it is that it is given to */
		assert_int_equal(mst_is_private_file(path, &st, true), third[i].tag == ACL_USER);
	}
	close(fd);
	assert_return_code(unlink(path), errno);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_slots_promote_and_stay),
		T(the_old_credential_leaves_no_file),
		T(nothing_readable_on_disk),
		T(blobs),
		T(two_agents_cannot_share),
		T(a_damaged_copy_gives_the_older_one_and_says_so),
		T(a_damaged_record_of_slots_has_a_second_copy),
		T(every_turned_bit_and_every_cut_is_noticed),
		T(what_is_left_over_is_no_fresh_start), T(files_cannot_change_places),
		T(the_key_file_is_looked_at), T(a_long_name), T(a_secret_that_a_list_gives_to_us_alone),
		T(a_key_goes_through_nobody_elses_file),
		T(credentials_as_octets),
		T(the_longest_credential_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
