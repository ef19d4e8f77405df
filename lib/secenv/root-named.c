/* What roots share that name their objects: a token's, a card's. */
#include <string.h>

#include "secenv/root.h"

struct mst_view secenv_store_message(struct mst_view salt, uint8_t b[ROOT_STORE_MESSAGE])
{
	struct mst_writer w = mst_writer_of(b, ROOT_STORE_MESSAGE);

	mst_put_str(&w, "muster store key 1");
	mst_put(&w, salt);
	return mst_written(&w);
}

void secenv_named_record(struct mst_writer *record, uint8_t version, const uint8_t id[ROOT_ID], const uint8_t salt[ROOT_SALT])
{
	mst_put_u8(record, version);
	mst_put(record, (struct mst_view){ id, ROOT_ID });
	mst_put(record, (struct mst_view){ salt, ROOT_SALT });
}

bool secenv_named_record_read(struct mst_view record, uint8_t version, uint8_t id[ROOT_ID], struct mst_view *ret_salt, const char *what,
			      struct mst_diag *d)
{
	struct mst_reader rd = mst_reader_of(record);
	bool known = mst_read_u8(&rd) == version;
	struct mst_view v = mst_read(&rd, ROOT_ID);

	*ret_salt = mst_read(&rd, ROOT_SALT);
	if (!known || !mst_read_end(&rd)) {
		mst_diag_set(d, 0, "key_file", "its record is none that this version knows of ", what, NULL);
		return false;
	}
	memcpy(id, v.p, ROOT_ID);
	return true;
}

void secenv_name_key(struct mst_secenv_key *k, uint8_t tag, const uint8_t id[ROOT_ID])
{
	k->b[0] = tag;
	memcpy(k->b + 1, id, ROOT_ID);
	k->n = 1 + ROOT_ID;
}

const uint8_t *secenv_id_of(const struct mst_secenv_key *k, uint8_t tag, struct mst_diag *d)
{
	if (k->n == 1 + ROOT_ID && k->b[0] == tag)
		return k->b + 1;
	mst_diag_set(d, 0, "key", "not the name of a key in a device", NULL);
	return NULL;
}
