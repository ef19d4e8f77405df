/* What is particular to SQLite when its program dies: at each write and sync of making a store, of its first groups, and of
 * a shortening of the audit log; also in the middle of a write. */
#include "contract.h"
#include "faulty-vfs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sqlite-db.h"

#define BEGINNING ((struct mst_event_limit){ .most = 4, .now = 7, .chunk = 100 })
#define ALIVE 0

/* What somebody does who may die meanwhile. Nobody closes what the next one is to find as a death leaves it. */
enum life { MAKES, COMMITS, WRITES_TEN, SHORTENS };

struct fate {
	enum life life;
	enum accident how;
	unsigned at;
	char url[400];
};

struct end {
	int status; /* as waitpid() has it */
	int said;   /* groups that were acknowledged */
};

/* In a process of its own; SIGKILL comes from the VFS. */
static void live(const struct fate *fate, int say)
{
	struct mst_event told;
	struct mst_store *s;
	int i;

	if (fate->life != SHORTENS)
		faulty_vfs_arm(fate->how, fate->at);
	if (mst_store_open(fate->url, &s, NULL))
		_exit(1);
	if (fate->life == MAKES)
		_exit(ALIVE);
	if (fate->life == SHORTENS) {
		faulty_vfs_arm(fate->how, fate->at);
		if (mst_store_event_shorten(s, &BEGINNING, &told))
			_exit(3);
	} else {
		for (i = 1; i <= (fate->life == COMMITS ? 3 : 10); i++)
			if (group_of_one(s, i) || write(say, &i, sizeof(i)) != sizeof(i))
				_exit(2);
	}
	if (fate->life != WRITES_TEN)
		mst_store_close(s);
	_exit(ALIVE);
}

/*
 * Those who die are not children of this process, but of one that never opens a store: what a sanitizer keeps of freed
 * memory would be copied with each fork, which takes longer than the life.
 */
static int to_parent = -1, from_parent = -1;

static void parent(int in, int out)
{
	struct fate fate;
	struct end end;
	int fd[2], i;
	pid_t pid;

	while (read(in, &fate, sizeof(fate)) == sizeof(fate)) {
		if (pipe(fd) || (pid = fork()) < 0)
			_exit(1);
		if (!pid)
			live(&fate, fd[1]);
		close(fd[1]);
		end = (struct end){ 0 };
		while (read(fd[0], &i, sizeof(i)) == sizeof(i))
			end.said = i;
		close(fd[0]);
		if (waitpid(pid, &end.status, 0) != pid || write(out, &end, sizeof(end)) != sizeof(end))
			_exit(2);
	}
	_exit(0);
}

static pid_t start_parent(void)
{
	int there[2], back[2];
	pid_t pid;

	if (pipe(there) || pipe(back) || (pid = fork()) < 0)
		return -1;
	if (!pid) {
		close(there[1]);        /* so that the end of ours is its end */
		close(back[0]);
		parent(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	to_parent = there[1];
	from_parent = back[0];
	return pid;
}

/* Whether it lived to the end, which is then a good one. */
static bool lived(const struct fix *f, struct fate fate, int *said)
{
	struct end end;

	snprintf(fate.url, sizeof(fate.url), "%s", f->url);
	assert_int_equal(write(to_parent, &fate, sizeof(fate)), sizeof(fate));
	assert_int_equal(read(from_parent, &end, sizeof(end)), sizeof(end));
	assert_true(WIFSIGNALED(end.status) || (WIFEXITED(end.status) && WEXITSTATUS(end.status) == ALIVE));
	*said = end.said;
	return WIFEXITED(end.status);
}

static void copy_file(const char *from, const char *to)
{
	static char part[1 << 16];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(part, 1, sizeof(part), in)) > 0)
		assert_int_equal(fwrite(part, 1, n, out), n);
	assert_int_equal(ferror(in), 0);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* A store in a place of its own, file by file as the other one lies there: nobody has it open. */
static struct fix *copy_of(const struct fix *f)
{
	struct fix *copy = contract_new();
	DIR *dir = opendir(f->dir);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		char from[400], to[400];

		if (e->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/%s", f->dir, e->d_name);
		snprintf(to, sizeof(to), "%s/%s", copy->dir, e->d_name);
		copy_file(from, to);
	}
	closedir(dir);
	return copy;
}

/* The next program finds what was acknowledged, what was under way as a whole or not at all, and can go on. */
static void look_after(struct fix *f, int said)
{
	assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
	for (int i = 1; i <= said; i++)
		assert_int_equal(read_decision(f->s, i), 1);
	assert_int_equal(check_invariants(f->s), said + read_decision(f->s, said + 1));
	assert_int_equal(group_of_one(f->s, 100), 0);
}

/* The file after a life in which nobody died, not closed. */
static struct fix *left_by(enum life life)
{
	struct fix *f = contract_new();
	int said;

	assert_true(lived(f, (struct fate){ .life = life, .how = ACCIDENT_NONE }, &said));
	return f;
}

/* A life with a death at each of its writes and syncs, before it and, of a write, in the middle: how many there were. */
static unsigned die_everywhere(enum life life, const struct fix *before, void (*look)(struct fix *f, bool alive, int said))
{
	bool alive = false;
	unsigned at;

	for (at = 1; !alive; at++) {
		assert_true(at < 1000);
		for (int half = 0; half < 2; half++) {
			struct fix *f = before ? copy_of(before) : contract_new();
			struct fate fate = { .life = life, .how = half ? ACCIDENT_KILL_HALF : ACCIDENT_KILL, .at = at };
			void *st = f;
			int said;

			alive = lived(f, fate, &said);
			look(f, alive, said);
			contract_tear_down(&st);
		}
	}
	return at - 2;
}

static void looks_made(struct fix *f, bool alive, int said)
{
	(void)alive;
	assert_int_equal(said, 0);
	look_after(f, 0);
}

static void killed_while_it_is_made(void **state)
{
	unsigned n = die_everywhere(MAKES, NULL, looks_made);

	(void)state;
	print_message("# %u writes and syncs\n", n);
	assert_true(n > 100);
}

static void looks_committed(struct fix *f, bool alive, int said)
{
	assert_true(!alive || said == 3);
	look_after(f, said);
}

/* In the log there is still all that made the store. */
static void killed_in_its_first_groups(void **state)
{
	struct fix *made = left_by(MAKES);
	unsigned n = die_everywhere(COMMITS, made, looks_committed);
	void *st = made;

	(void)state;
	print_message("# %u writes and syncs\n", n);
	assert_true(n > 50);
	contract_tear_down(&st);
}

/* The entries are there, or the one that tells of them. */
static void looks_shortened(struct fix *f, bool alive, int said)
{
	struct mst_event_span span;

	(void)said;
	assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
	assert_int_equal(mst_store_event_span(f->s, &span), 0);
	assert_true((span.first == 1 && span.last == 10) || (span.first == 7 && span.last == 11));
	assert_true(!alive || span.first == 7);
	assert_int_equal(group_of_one(f->s, 11), 0);
	assert_int_equal(check_invariants(f->s), 11);
}

static void killed_while_shortening(void **state)
{
	struct fix *ten = left_by(WRITES_TEN);
	unsigned n = die_everywhere(SHORTENS, ten, looks_shortened);
	void *st = ten;

	(void)state;
	print_message("# %u writes and syncs\n", n);
	assert_true(n > 50);
	contract_tear_down(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_while_it_is_made),
		cmocka_unit_test(killed_in_its_first_groups),
		cmocka_unit_test(killed_while_shortening),
	};
	int failed, status;
	pid_t pid;

	faulty_vfs_install();
	pid = start_parent();
	if (pid < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	close(to_parent);
	return waitpid(pid, &status, 0) == pid && !status ? failed : 1;
}
