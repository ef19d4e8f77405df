#include "secenv/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
static const uint8_t magic[4] = { 'm', 's', 't', 'S' };

enum { GEN_A, GEN_B, GENS };

/* What one generation turned out to be. */
enum state { ABSENT, DAMAGED, GOOD };
struct generation { enum state state; uint64_t counter; };

static void gen_name(const char *name, int gen, char out[SEALED_NAME_MAX + 8])
{
	snprintf(out, SEALED_NAME_MAX + 8, "%.*s.%c", SEALED_NAME_MAX, name, gen == GEN_A ? 'a' : 'b');
}

/* The whole file into s->file; its length, -1 absent, -2 unreadable, or a fault below that. */
static ssize_t slurp(struct sealed *s, const char *file, int *ret_fault)
{
	int fd = s->port->open(s->port, s->dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0) {
		if (errno != ENOENT && errno != ELOOP)
			*ret_fault = MST_FAULT_IO; /* too many files, no permission, no disk: says nothing
						      about the file */
		return errno == ENOENT ? -1 : -2;
	}
	if (fstat(fd, &st)) {           /* says nothing about the file either: it may be the newer copy */
		s->unreadable = true;
		close(fd);
		return -2;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return -2;
	}
	while (got > 0 && n < sizeof(s->file)) {
		got = s->port->read(s->port, fd, s->file + n, sizeof(s->file) - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	close(fd);
	if (got < 0)
		s->unreadable = true;
	return got < 0 || n > SEALED_MAX ? -2 : (ssize_t)n;
}

#define AAD_MAX (SEALED_HEAD + SEALED_NAME_MAX + 1 + SEALED_MARK)

/* Header, logical name and mark are bound: no file passes for another one, nor for a later one of itself. */
static struct mst_view aad_of(struct mst_view head, const char *name, struct mst_view mark, uint8_t out[AAD_MAX])
{
	struct mst_writer w = mst_writer_of(out, AAD_MAX);

	mst_put(&w, head);
	mst_put_str(&w, name);
	if (mark.n) {
		mst_put_nul(&w);
		mst_put(&w, mark);
	}
	return mst_written(&w);
}

/* Open one generation; plain text into s->plain when it is good. */
static int read_generation(struct sealed *s, const char *name, struct mst_view mark, int gen, struct generation *ret_g,
			   size_t *ret_n)
{
	char file[SEALED_NAME_MAX + 8];
	uint8_t aad[AAD_MAX];
	struct mst_reader r;
	int fault = 0;
	ssize_t n;

	gen_name(name, gen, file);
	*ret_g = (struct generation){ ABSENT, 0 };
	n = slurp(s, file, &fault);
	if (fault || n == -1)
		return fault;
	ret_g->state = DAMAGED;
	if (n < (ssize_t)SEALED_HEAD)
		return 0;
	r = mst_reader_of((struct mst_view){ s->file, (size_t)n });
	if (!mst_view_eq(mst_read(&r, sizeof(magic)), (struct mst_view){ magic, sizeof(magic) }) ||
	    mst_read_u16(&r) != VERSION)
		return 0;
	ret_g->counter = mst_read_u64(&r);
	fault = mst_box_open(s->c, s->key,
			     aad_of((struct mst_view){ s->file, SEALED_HEAD }, name, mark, aad),
			     (struct mst_view){ r.p, r.left }, s->plain, sizeof(s->plain), ret_n);
	if (!fault)
		ret_g->state = GOOD;
	return fault < 0 ? fault : 0;
}

/* Look at both; *ret_best is the one that counts, or -1. */
static int look(struct sealed *s, const char *name, struct mst_view mark, struct generation g[GENS], int *ret_best)
{
	size_t n;

	s->unreadable = false;
	for (int i = 0; i < GENS; i++) {
		int r = read_generation(s, name, mark, i, &g[i], &n);

		if (r)
			return r;
	}
	*ret_best = -1;
	for (int i = 0; i < GENS; i++)
		if (g[i].state == GOOD && (*ret_best < 0 || g[i].counter > g[*ret_best].counter))
			*ret_best = i;
	return 0;
}

static int no_copy(const struct sealed *s, const char *name, struct mst_view mark, struct mst_diag *d)
{
	mst_diag_set(d, 0, name, s->unreadable ? "cannot be read, and there is no other copy that is whole" :
		     mark.n ? "damaged, or an older copy than the record of slots names" : "damaged, and there is no older copy that is whole", NULL);
	return MST_SECENV_CORRUPT;
}

int sealed_load(struct sealed *s, const char *name, struct mst_view *ret_v, bool *ret_settled,
		struct mst_diag *d)
{
	return sealed_load_marked(s, name, MST_VIEW_NONE, ret_v, ret_settled, d);
}

int sealed_load_marked(struct sealed *s, const char *name, struct mst_view mark, struct mst_view *ret_v, bool *ret_settled,
		       struct mst_diag *d)
{
	struct generation g[GENS], again;
	uint8_t hash[2][MST_SHA256_LEN];
	bool same = false;
	size_t n = 0;
	int best, r = look(s, name, mark, g, &best);

	if (r)
		return r;
	if (best < 0) {
		if (g[GEN_A].state == ABSENT && g[GEN_B].state == ABSENT)
			return MST_SECENV_NONE;
		return no_copy(s, name, mark, d);
	}
	if (g[!best].state == GOOD) {
		r = read_generation(s, name, mark, !best, &again, &n);
		if (!r)
			r = s->c->ops->sha256(s->c, (struct mst_view){ s->plain, n }, hash[0]);
	}
	if (!r)
		r = read_generation(s, name, mark, best, &again, &n);
	if (r)
		return r;
	if (again.state != GOOD)        /* between two looks, with the lock held: the disk */
		return no_copy(s, name, mark, d);
	if (g[!best].state == GOOD) {
		r = s->c->ops->sha256(s->c, (struct mst_view){ s->plain, n }, hash[1]);
		same = !r && memcmp(hash[0], hash[1], sizeof(hash[0])) == 0;
	}
	if (g[!best].state == DAMAGED)
		mst_diag_set(d, 0, name, s->unreadable ? "one of the two copies cannot be read; the other one was used" :
			     "one of the two copies is damaged; the whole one was used", NULL);
	if (ret_settled)
		*ret_settled = same;
	*ret_v = (struct mst_view){ s->plain, n };
	return r;
}

/* Gone when it returns 0; a fault, and never "full, nothing was changed". */
static int remove_generation(struct sealed *s, const char *name, int gen, struct mst_diag *d)
{
	char file[SEALED_NAME_MAX + 8];

	gen_name(name, gen, file);
	if ((s->port->unlink(s->port, s->dir, file) && errno != ENOENT) || s->port->fsync(s->port, s->dir)) {
		(void)secenv_os_outcome(d, name);
		return MST_FAULT_IO;
	}
	return 0;
}

static int store(struct sealed *s, const char *name, struct mst_view was, struct mst_view mark, struct mst_view v, struct mst_diag *d)
{
	struct generation g[GENS];
	char file[SEALED_NAME_MAX + 8];
	uint8_t aad[AAD_MAX];
	struct mst_writer w = mst_writer_of(s->file, sizeof(s->file));
	int best, r;

	if (v.n > SEALED_PLAIN_MAX)
		return MST_FAULT_BUG;
	r = look(s, name, was, g, &best);
	if (r)
		return r;
	mst_put(&w, (struct mst_view){ magic, sizeof(magic) });
	mst_put_u16(&w, VERSION);
	mst_put_u64(&w, best < 0 ? 1 : g[best].counter + 1);
	r = mst_box_seal(s->c, s->key,
			 aad_of((struct mst_view){ s->file, SEALED_HEAD }, name, mark, aad), v, &w);
	if (r)
		return r;
	gen_name(name, best == GEN_A ? GEN_B : GEN_A, file);
	r = secenv_write_file(s->port, s->dir, file, mst_written(&w), d);
	/* this one counts from 1: should the other be readable later, it would pass for newer */
	if (!r && best < 0 && g[GEN_B].state != ABSENT)
		r = remove_generation(s, name, GEN_B, d);
	return r;
}

int sealed_store_marked(struct sealed *s, const char *name, struct mst_view was, struct mst_view mark, struct mst_view v, struct mst_diag *d)
{
	int r = store(s, name, was, mark, v, d);

	/* whoever logs it has one text to show, whatever failed */
	if (r < 0 && d && !d->text[0])
		mst_diag_set(d, 0, name, mst_fault_text(r), NULL);
	return r;
}

int sealed_store(struct sealed *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	return sealed_store_marked(s, name, MST_VIEW_NONE, MST_VIEW_NONE, v, d);
}

int sealed_erase(struct sealed *s, const char *name, struct mst_diag *d)
{
	char file[SEALED_NAME_MAX + 8];
	bool any = false;

	for (int i = 0; i < GENS; i++) {
		gen_name(name, i, file);
		if (s->port->unlink(s->port, s->dir, file) == 0)
			any = true;
		else if (errno != ENOENT)
			return secenv_os_outcome(d, name);
	}
	if (any && s->port->fsync(s->port, s->dir)) {
		(void)secenv_os_outcome(d, name);
		return MST_FAULT_IO;
	}
	return 0;
}

bool sealed_exists(const struct sealed *s, const char *name)
{
	char file[SEALED_NAME_MAX + 8];
	struct stat st;

	for (int i = 0; i < GENS; i++) {
		gen_name(name, i, file);
		if (fstatat(s->dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}
