#include "agent/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BLOB "place"
#define OCTETS 512

/* Digits as they stand there: no floating point, so no digit is lost. */
static bool degrees(struct mst_view v, int64_t *ret)
{
	bool minus = v.n && v.p[0] == '-';
	uint64_t whole, part = 0;
	struct mst_view digits;
	size_t dot;

	if (minus)
		v = mst_view_sub(v, 1, v.n);
	dot = mst_view_find(v, '.');
	if (!mst_parse_dec(mst_view_sub(v, 0, dot), 999999999, &whole))
		return false;
	digits = mst_view_sub(v, dot + 1, v.n);
	if (dot < v.n && (!digits.n || digits.n > 7))
		return false;
	for (size_t i = 0; i < 7; i++) {
		uint8_t c = i < digits.n ? digits.p[i] : '0';

		if (c < '0' || c > '9')
			return false;
		part = part * 10 + (uint64_t)(c - '0');
	}
	*ret = (int64_t)(whole * (uint64_t)MST_DEGREE + part);
	*ret = minus ? -*ret : *ret;
	return true;
}

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

static bool set_view(struct agent_place *p, const char *name, struct mst_view v, struct mst_diag *d)
{
	static const char *const names[] = { "latitude", "longitude", "accuracy", "cell", "site" };
	uint64_t metres;
	int64_t *angle, most;
	size_t i = 0;

	while (i < MST_COUNT(names) && strcmp(names[i], name) != 0)
		i++;
	switch (i) {
	case MST_LO_LATITUDE:
	case MST_LO_LONGITUDE:
		angle = i == MST_LO_LATITUDE ? &p->latitude : &p->longitude;
		most = (i == MST_LO_LATITUDE ? 90 : 180) * (int64_t)MST_DEGREE;
		if (!degrees(v, angle))
			return refuse(d, names[i], "not degrees like \"-33.8567844\", seven digits behind the point at most");
		if (*angle < -most || *angle > most)
			return refuse(d, names[i], i == MST_LO_LATITUDE ? "must be -90 to 90 degrees" : "must be -180 to 180 degrees");
		break;
	case MST_LO_ACCURACY:
		if (!mst_parse_dec(v, 40000000, &metres))
			return refuse(d, names[i], "not whole metres like \"20\"");
		p->accuracy = (int64_t)metres;
		break;
	case MST_LO_CELL:
		if (!mst_view_to_str(v, p->cell, sizeof(p->cell)))
			return refuse(d, names[i], "too long");
		break;
	case MST_LO_SITE:
		if (!mst_view_to_str(v, p->site, sizeof(p->site)))
			return refuse(d, names[i], "longer than 64 octets");
		break;
	default:
		return refuse(d, name, "no member of a location; there are latitude, longitude, accuracy, cell, site");
	}
	p->has |= 1u << i;
	return true;
}

bool place_set(struct agent_place *p, const char *name, const char *text, struct mst_diag *d)
{
	return set_view(p, name, mst_view_str(text), d);
}

bool place_set_at(struct agent_place *p, const char *text, struct mst_diag *d)
{
	static const char *const names[] = { "latitude", "longitude", "accuracy" };
	struct mst_view rest = mst_view_str(text);
	size_t n = 0, end;

	do {
		end = mst_view_find(rest, ',');
		if (n == MST_COUNT(names))
			return refuse(d, "at", "not LATITUDE,LONGITUDE or LATITUDE,LONGITUDE,METRES");
		if (!set_view(p, names[n++], mst_view_sub(rest, 0, end), d))
			return false;
		rest = mst_view_sub(rest, end + 1, rest.n);
	} while (rest.n);
	return n >= 2 || refuse(d, "at", "not LATITUDE,LONGITUDE or LATITUDE,LONGITUDE,METRES");
}

void place_location(const struct agent_place *p, struct mst_location *ret_l)
{
	*ret_l = (struct mst_location){
		.has = p->has, .latitude = p->latitude, .longitude = p->longitude, .accuracy = p->accuracy,
		.cell = mst_view_str(p->cell), .site = mst_view_str(p->site),
	};
}

/* Back through the decoder: its limits are the only ones. */
static bool take(struct mst_view cbor, struct agent_place *ret_p, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(NULL, 0);
	struct agent_place p;
	struct mst_location l;

	if (mst_msg_read_cbor(&mst_location_msg, cbor, &a, &l, d) || mst_location_check(&l, d))
		return false;
	p = (struct agent_place){ .has = l.has, .latitude = l.latitude, .longitude = l.longitude, .accuracy = l.accuracy };
	if (!mst_view_to_str(l.cell, p.cell, sizeof(p.cell)) || !mst_view_to_str(l.site, p.site, sizeof(p.site)))
		return refuse(d, "", "a text in it is too long");
	*ret_p = p;
	return true;
}

bool place_good(const struct agent_place *p, struct mst_diag *d)
{
	uint8_t octets[OCTETS];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	struct agent_place same;
	struct mst_location l;

	place_location(p, &l);
	mst_msg_write_cbor(&mst_location_msg, &l, &w);
	return w.ok ? take(mst_written(&w), &same, d) : refuse(d, "", "a text in it is no UTF-8");
}

bool place_from_json(const json_t *o, struct agent_place *ret_p, struct mst_diag *d)
{
	uint8_t octets[OCTETS], cbor[OCTETS];
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));
	struct mst_writer w = mst_writer_of(cbor, sizeof(cbor));
	char *text = json_dumps(o, JSON_COMPACT);
	struct mst_location l;
	bool ok;

	if (!text)
		return refuse(d, "location", "not an object");
	ok = mst_msg_read_json(&mst_location_msg, MST_PROFILE_LONG, mst_view_str(text), &a, &l, d) == 0;
	if (ok)
		mst_msg_write_cbor(&mst_location_msg, &l, &w);
	free(text);
	return ok && take(mst_written(&w), ret_p, d);
}

void place_load(struct mst_secenv *env, struct agent_place *ret_p)
{
	uint8_t octets[OCTETS];
	struct mst_diag d = { 0 };
	size_t n = 0;

	memset(ret_p, 0, sizeof(*ret_p));
	if (env->ops->load_blob(env, BLOB, octets, sizeof(octets), &n, &d) == 0 && n &&
	    !take((struct mst_view){ octets, n }, ret_p, &d))
		memset(ret_p, 0, sizeof(*ret_p));
}

int place_store(struct mst_secenv *env, const struct agent_place *p, struct mst_diag *d)
{
	uint8_t octets[OCTETS];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	struct mst_location l;

	place_location(p, &l);
	mst_msg_write_cbor(&mst_location_msg, &l, &w);
	return env->ops->store_blob(env, BLOB, mst_written(&w), d);
}

struct agent_place place_merged(const struct agent_place *configured, const struct agent_place *said)
{
	const uint32_t at = 1u << MST_LO_LATITUDE | 1u << MST_LO_LONGITUDE | 1u << MST_LO_ACCURACY;
	struct agent_place p = *configured;

	if (said->has & at) {
		p.has = (p.has & ~at) | (said->has & at);
		p.latitude = said->latitude;
		p.longitude = said->longitude;
		p.accuracy = said->accuracy;
	}
	if (said->has & 1u << MST_LO_CELL)
		memcpy(p.cell, said->cell, sizeof(p.cell));
	if (said->has & 1u << MST_LO_SITE)
		memcpy(p.site, said->site, sizeof(p.site));
	p.has |= said->has & ~at;
	return p;
}

json_t *place_json(const struct agent_place *p)
{
	uint8_t octets[2 * OCTETS];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	struct mst_location l;

	place_location(p, &l);
	mst_msg_write_json(&mst_location_msg, MST_PROFILE_LONG, &l, &w);
	return p->has && w.ok ? mst_json_read((const char *)octets, w.n, 0, NULL) : json_null();
}

int agent_set_place(struct agent *a, const struct agent_place *p, struct mst_diag *d)
{
	static const struct agent_place none;
	int r;

	p = p ? p : &none;
	if (!place_good(p, d))
		return 1;
	r = place_store(a->env, p, d);
	if (r)
		return r < 0 ? r : MST_FAULT_IO;
	a->place = *p;
	agent_log(a, AGENT_INFO, p->has ? "placed" : "place-cleared", "site", p->site, NULL);
	return 0;
}
