#include "keeper/kek.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/files.h"
#include "keeper/kek-device.h"

#define FIRST "kek.key"
#define NAME_MAX_OURS 32
#define SPARE "kek.spare"
#define GONE  "kek.gone"               /* and kek.gone-N: what a device is to take back */
#define GONE_MOST 16

int keeper_subkey(struct mst_crypto *c, const uint8_t kek[KEK_LEN], const char *label, uint8_t out[KEK_LEN])
{
	return c->ops->hmac_sha256(c, (struct mst_view){ kek, KEK_LEN }, mst_view_str(label), out);
}

static void name_of(uint32_t gen, char out[NAME_MAX_OURS])
{
	snprintf(out, NAME_MAX_OURS, gen == 1 ? FIRST : "kek-%u.key", (unsigned)gen);
}

/* 0: no such name. */
static uint32_t generation_of(const char *name)
{
	char again[NAME_MAX_OURS];
	unsigned long gen = 1;

	if (strncmp(name, "kek-", 4) == 0)
		gen = strtoul(name + 4, NULL, 10);
	if (!gen || gen > MST_GENERATION_MAX)
		return 0;
	name_of((uint32_t)gen, again);
	return strcmp(name, again) == 0 ? (uint32_t)gen : 0;
}

static int by_age(const void *a, const void *b)
{
	const struct keeper_kek *x = a, *y = b;

	return x->gen < y->gen ? 1 : x->gen > y->gen ? -1 : 0;
}

/* Which there are. */
static int find(int dir, struct keeper_kek ret[KEKS_MAX], size_t *ret_n, struct mst_diag *d)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *all = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *one;
	size_t n = 0;

	if (!all) {
		r = keeper_os_fault(d, "keeper directory");
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (errno = 0, one = readdir(all))) {
		uint32_t gen = generation_of(one->d_name);

		if (!gen)
			continue;
		if (n == KEKS_MAX) {
			mst_diag_set(d, 0, "keeper directory", "more than two generations of the key-encryption key; bring it back from a backup", NULL);
			r = MST_FAULT_CONFIG;
		} else {
			ret[n++].gen = gen;
		}
	}
	/* a generation that is not seen would be missed only by the keys that it opens */
	if (!r && errno)
		r = keeper_os_fault(d, "keeper directory");
	closedir(all);
	if (!r && !n) {
		mst_diag_set(d, 0, FIRST, "missing; `muster init` makes it", NULL);
		r = MST_FAULT_CONFIG;
	}
	qsort(ret, n, sizeof(ret[0]), by_age);
	*ret_n = n;
	return r;
}

/* A file, and the key that it is or stands for. */
static int read_file(int dir, const char *name, const struct mst_keeper_device *dev, struct keeper_kek *k, struct mst_diag *d)
{
	uint8_t octet[KEK_RECORD_MAX + 1];
	struct mst_view file = { octet, 0 };
	int r = keeper_secret_read(dir, name, octet, sizeof(octet), &file.n, d);

	if (!r) {
		k->kind = kek_device_kind(file);
		if (k->kind < 0) {
			mst_diag_set(d, 0, name, "not a key of 32 octets, nor what a device knows one by", NULL);
			r = MST_FAULT_CORRUPT;
		} else if (k->kind) {
			r = kek_device_unlock(dev, file, k->key, d);
		} else {
			memcpy(k->key, octet, KEK_LEN);
		}
	}
	mst_wipe(octet, sizeof(octet));
	return r;
}

int keeper_keks_read(int dir, const struct mst_keeper_device *dev, struct keeper_kek ret[KEKS_MAX], size_t *ret_n, struct mst_diag *d)
{
	char name[NAME_MAX_OURS];
	int r = find(dir, ret, ret_n, d);

	for (size_t i = 0; !r && i < *ret_n; i++) {
		name_of(ret[i].gen, name);
		r = read_file(dir, name, dev, &ret[i], d);
	}
	return r;
}

/* --- of devices --- */

/* Gone is done; what a device does not take back now it may later. */
static void give_back(int dir, const char *name, const struct mst_keeper_device *dev)
{
	uint8_t octet[KEK_RECORD_MAX + 1];
	struct mst_view file = { octet, 0 };
	struct mst_diag d = { 0 };

	if (keeper_secret_read(dir, name, octet, sizeof(octet), &file.n, &d) == 0 && !(kek_device_kind(file) > 0 && kek_device_unbind(dev, file, &d)))
		(void)unlinkat(dir, name, 0);
	mst_wipe(octet, sizeof(octet));
}

static bool is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void gone_name(unsigned i, char out[NAME_MAX_OURS])
{
	snprintf(out, NAME_MAX_OURS, i ? GONE "-%u" : GONE, i);
}

/* It waits to be given back, beside others that could not be yet: none is written over, or its key would stay in the device for ever. */
static int put_aside(int dir, const char *name)
{
	char gone[NAME_MAX_OURS];

	/* nobody else makes names here: the keeper is alone with its directory */
	for (unsigned i = 0; i < GONE_MOST; i++) {
		gone_name(i, gone);
		if (is_there(dir, gone))
			continue;
		return (renameat(dir, name, dir, gone) && errno != ENOENT) || fsync(dir) ? MST_FAULT_IO : 0;
	}
	errno = ENOSPC;
	return MST_FAULT_SPACE;
}

static void give_back_all(int dir, const struct mst_keeper_device *dev)
{
	char gone[NAME_MAX_OURS];

	for (unsigned i = 0; i < GONE_MOST; i++) {
		gone_name(i, gone);
		give_back(dir, gone, dev);
	}
}

static int make_spare(int dir, const struct mst_keeper_device *dev, struct keeper_kek *k, struct mst_diag *d)
{
	uint8_t octet[KEK_RECORD_MAX];
	struct mst_writer w = mst_writer_of(octet, sizeof(octet));
	int r = kek_device_bind(dev, &w, k->key, d);

	if (!r) {
		r = keeper_file_replace(dir, SPARE, 0600, mst_written(&w), d);
		if (r)
			(void)!kek_device_unbind(dev, mst_written(&w), &(struct mst_diag){ 0 });       /* nobody would know of it any more */
	}
	k->kind = dev->kind;
	mst_wipe(octet, sizeof(octet));
	return r;
}

int keeper_kek_spare(int dir, const struct mst_keeper_device *dev, struct mst_crypto *c, struct keeper_kek *ret, struct mst_diag *d)
{
	struct mst_diag why = { 0 };
	int r;

	(void)c;
	*ret = (struct keeper_kek){ .gen = 0 };
	if (!dev || !dev->starts)
		return 0;
	give_back_all(dir, dev);
	if (dev->kind == KEK_IN_FILE) {
		give_back(dir, SPARE, dev);
		return 0;
	}
	r = read_file(dir, SPARE, dev, ret, &why);
	if (r || ret->kind != dev->kind) {
		/* none yet, of another device, or of one that was cleared since: nothing was ever wrapped with it */
		give_back(dir, SPARE, dev);
		if (is_there(dir, SPARE))
			r = put_aside(dir, SPARE);       /* its device is not there to take it back */
		else
			r = 0;
		if (!r)
			r = make_spare(dir, dev, ret, d);
	}
	ret->gen = !r;
	return r;
}

int keeper_kek_take_spare(int dir, uint32_t gen)
{
	char name[NAME_MAX_OURS];

	name_of(gen, name);
	/* gone, and the other one there: it has become that before, and only that this is on the disk was not sure */
	if (renameat(dir, SPARE, dir, name) && !(errno == ENOENT && is_there(dir, name)))
		return MST_FAULT_IO;
	return fsync(dir) ? MST_FAULT_IO : 0;
}

/* --- made and destroyed --- */

int keeper_kek_write(int dir, uint32_t gen, const uint8_t key[KEK_LEN], struct mst_diag *d)
{
	char name[NAME_MAX_OURS];

	name_of(gen, name);
	return keeper_file_replace(dir, name, 0600, (struct mst_view){ key, KEK_LEN }, d);
}

int keeper_kek_destroy(int dir, const struct keeper_kek *k, struct mst_diag *d)
{
	static const uint8_t nothing[KEK_LEN];
	char name[NAME_MAX_OURS];
	int fd, r = 0;

	name_of(k->gen, name);
	/* not there: it went before, and only that this is on the disk was not sure */
	if (k->kind)
		return put_aside(dir, name) ? keeper_os_fault(d, name) : 0;
	/* where the disk writes in place, what was there is gone; elsewhere the key that unlocks it must go (musterd(8)) */
	fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return fsync(dir) ? keeper_os_fault(d, name) : 0;
	if (fd < 0 || write(fd, nothing, sizeof(nothing)) != (ssize_t)sizeof(nothing) || fsync(fd))
		r = keeper_os_fault(d, name);
	if (fd >= 0)
		close(fd);
	if (!r && (unlinkat(dir, name, 0) || fsync(dir)))
		r = keeper_os_fault(d, name);
	return r;
}
