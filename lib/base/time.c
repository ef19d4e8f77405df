#include "base/time.h"

#include "base/text.h"

#define DAY INT64_C(86400)

static bool leap(int y)
{
	return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

static int month_days(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[m - 1] + (m == 2 && leap(y));
}

/* Days since 1970-01-01 of a proleptic Gregorian date; March-based years make February last. */
static int64_t days_from_civil(int y, int m, int d)
{
	int64_t yy = y - (m <= 2);
	int64_t era = (yy >= 0 ? yy : yy - 399) / 400;
	int64_t yoe = yy - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

mst_time mst_time_from_civil(const struct mst_civil *c)
{
	return days_from_civil(c->year, c->month, c->day) * DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

void mst_civil_from_time(mst_time t, struct mst_civil *ret_c)
{
	int64_t days = t / DAY, rest = t % DAY;
	int64_t era, doe, yoe, doy, mp;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	ret_c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	ret_c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	ret_c->year = (int)(yoe + era * 400 + (ret_c->month <= 2));
	ret_c->hour = (int)(rest / 3600);
	ret_c->minute = (int)(rest / 60 % 60);
	ret_c->second = (int)(rest % 60);
}

static void put_digits(struct mst_writer *w, int x, int width)
{
	int unit = 1;

	while (--width)
		unit *= 10;
	for (; unit; unit /= 10)
		mst_put_u8(w, (uint8_t)('0' + x / unit % 10));
}

void mst_put_timestamp(struct mst_writer *w, mst_time t)
{
	struct mst_civil c;

	if (t < 0 || t > MST_TIME_MAX) {
		w->ok = false;
		return;
	}
	mst_civil_from_time(t, &c);
	put_digits(w, c.year, 4);
	put_digits(w, c.month, 2);
	put_digits(w, c.day, 2);
	mst_put_u8(w, 'T');
	put_digits(w, c.hour, 2);
	put_digits(w, c.minute, 2);
	put_digits(w, c.second, 2);
}

static int read_digits(struct mst_reader *r, size_t width)
{
	struct mst_view v = mst_read(r, width);
	int x = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9') {
			r->ok = false;
			return 0;
		}
		x = x * 10 + (v.p[i] - '0');
	}
	return x;
}

static bool in_calendar(const struct mst_civil *c)
{
	return c->year >= 1970 && c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= month_days(c->year, c->month) &&
	       c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

bool mst_parse_timestamp(struct mst_view v, mst_time *ret_t)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_civil c;
	size_t fraction;

	c.year = read_digits(&r, 4);
	c.month = read_digits(&r, 2);
	c.day = read_digits(&r, 2);
	if (mst_read_u8(&r) != 'T')
		return false;
	c.hour = read_digits(&r, 2);
	c.minute = read_digits(&r, 2);
	c.second = read_digits(&r, 2);
	if (r.ok && r.left) {
		if (mst_read_u8(&r) != ',')
			return false;
		fraction = r.left;
		if (fraction < 1 || fraction > 6)
			return false;
		(void)read_digits(&r, fraction);
	}
	if (!mst_read_end(&r) || !in_calendar(&c))
		return false;
	*ret_t = mst_time_from_civil(&c);
	return true;
}

static void put_fields(struct mst_writer *w, const int *field, const char *behind)
{
	for (; *behind; behind++, field++) {
		put_digits(w, *field, *field > 99 ? 4 : 2);
		mst_put_u8(w, (uint8_t)*behind);
	}
}

void mst_put_datetime(struct mst_writer *w, mst_time t)
{
	struct mst_civil c;

	if (t < 0 || t > MST_TIME_MAX) {
		w->ok = false;
		return;
	}
	mst_civil_from_time(t, &c);
	put_fields(w, (const int[]){ c.year, c.month, c.day, c.hour, c.minute, c.second }, "--T::Z");
}

bool mst_parse_datetime(struct mst_view v, mst_time *ret_t)
{
	static const char behind[] = "--T::";
	struct mst_reader r = mst_reader_of(v);
	int f[6];
	struct mst_civil c;
	uint8_t last;

	for (size_t i = 0; i < 6; i++) {
		f[i] = read_digits(&r, i ? 2 : 4);
		if (i < 5 && mst_read_u8(&r) != (uint8_t)behind[i])
			return false;
	}
	last = mst_read_u8(&r);
	if (last == '.' && r.left >= 2 && r.left <= 10) {
		(void)read_digits(&r, r.left - 1);
		last = mst_read_u8(&r);
	}
	c = (struct mst_civil){ f[0], f[1], f[2], f[3], f[4], f[5] };
	if (last != 'Z' || !mst_read_end(&r) || !in_calendar(&c))
		return false;
	*ret_t = mst_time_from_civil(&c);
	return true;
}

void mst_put_http_date(struct mst_writer *w, mst_time t)
{
	static const char day[] = "ThuFriSatSunMonTueWed", month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct mst_civil c;

	if (t < 0 || t > MST_TIME_MAX) {
		w->ok = false;
		return;
	}
	mst_civil_from_time(t, &c);
	mst_put(w, (struct mst_view){ (const uint8_t *)day + t / DAY % 7 * 3, 3 });      /* day 0 was a Thursday */
	mst_put_str(w, ", ");
	put_fields(w, &c.day, " ");
	mst_put(w, (struct mst_view){ (const uint8_t *)month + (c.month - 1) * 3, 3 });
	mst_put_str(w, " ");
	put_fields(w, (const int[]){ c.year, c.hour, c.minute, c.second }, " :: ");
	mst_put_str(w, "GMT");
}

void mst_put_duration(struct mst_writer *w, int64_t seconds)
{
	static const struct { int64_t unit; char letter; } part[] = { { 3600, 'H' }, { 60, 'M' }, { 1, 'S' } };
	int64_t rest = seconds % DAY;

	if (seconds < 0) {
		w->ok = false;
		return;
	}
	mst_put_u8(w, 'P');
	if (seconds >= DAY || seconds == 0) {
		mst_put_dec(w, seconds / DAY);
		mst_put_u8(w, 'D');
	}
	if (rest)
		mst_put_u8(w, 'T');
	for (size_t i = 0; i < MST_COUNT(part); i++) {
		if (rest / part[i].unit) {
			mst_put_dec(w, rest / part[i].unit);
			mst_put_u8(w, (uint8_t)part[i].letter);
		}
		rest %= part[i].unit;
	}
}

/*
 * Number-letter pairs in the fixed order D, then T with H, M, S; at least one pair, at least one after
 * T. Bounded to ten digits a number, so the sum cannot overflow.
 */
bool mst_parse_duration(struct mst_view v, int64_t *ret_seconds)
{
	static const struct { char letter; bool after_t; int64_t unit; } part[] = {
		{ 'W', false, 7 * DAY }, { 'D', false, DAY }, { 'H', true, 3600 }, { 'M', true, 60 }, { 'S', true, 1 },
	};
	int64_t sum = 0;
	size_t i = 1, next = 0;
	bool t = false, any = false;

	if (v.n < 3 || v.p[0] != 'P')
		return false;
	while (i < v.n) {
		size_t start = i;
		uint64_t x;

		if (v.p[i] == 'T' && !t) {
			t = true;
			any = false;
			i++;
			continue;
		}
		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
			i++;
		if (i == start || i - start > 10 || i == v.n)
			return false;
		x = 0;
		for (size_t j = start; j < i; j++)
			x = x * 10 + (uint64_t)(v.p[j] - '0');
		while (next < MST_COUNT(part) && (part[next].letter != (char)v.p[i] || part[next].after_t != t))
			next++;
		if (next == MST_COUNT(part))
			return false;
		sum += (int64_t)x * part[next++].unit;
		any = true;
		i++;
	}
	if (!any || sum > MST_TIME_MAX)
		return false;
	*ret_seconds = sum;
	return true;
}
