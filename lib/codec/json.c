#include "codec/json.h"

#include "base/text.h"
#include "codec/msg.h"

enum expect { VALUE, FIRST_ITEM, FIRST_NAME, AFTER, DONE, FAILED };

struct mst_json mst_json_of(struct mst_view in, struct mst_arena *arena)
{
	return (struct mst_json){ .in = in, .arena = arena, .expect = VALUE };
}

static enum mst_json_token fail(struct mst_json *j, int error, size_t at, const char *why)
{
	j->error = error;
	j->why = why;
	j->start = at;
	j->expect = FAILED;
	return MST_JSON_ERROR;
}

static enum mst_json_token malformed(struct mst_json *j, size_t at, const char *why)
{
	return fail(j, MST_MSG_MALFORMED, at, why);
}

/* -1 at the end: no octet has that value. */
static int peek(const struct mst_json *j)
{
	return j->at < j->in.n ? j->in.p[j->at] : -1;
}

static void skip_blanks(struct mst_json *j)
{
	for (int c = peek(j); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(j))
		j->at++;
}

static bool in_object(const struct mst_json *j)
{
	return j->depth && (j->objects >> (j->depth - 1) & 1);
}

/* A value is complete: what may come next? */
static void value_done(struct mst_json *j)
{
	j->expect = j->depth ? AFTER : DONE;
}

static bool hex4(const struct mst_json *j, size_t at, uint32_t *ret_u)
{
	uint8_t b[2];
	size_t n;

	if (j->in.n - at < 4 || !mst_hex_decode((struct mst_view){ j->in.p + at, 4 }, b, sizeof(b), &n))
		return false;
	*ret_u = (uint32_t)b[0] << 8 | b[1];
	return true;
}

static size_t put_utf8(uint8_t *out, uint32_t u)
{
	if (u < 0x80) {
		out[0] = (uint8_t)u;
		return 1;
	}
	if (u < 0x800) {
		out[0] = (uint8_t)(0xc0 | u >> 6);
		out[1] = (uint8_t)(0x80 | (u & 63));
		return 2;
	}
	if (u < 0x10000) {
		out[0] = (uint8_t)(0xe0 | u >> 12);
		out[1] = (uint8_t)(0x80 | (u >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (u & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | u >> 18);
	out[1] = (uint8_t)(0x80 | (u >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (u >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (u & 63));
	return 4;
}

/* `*at` stands on the `u` of an escape; moves behind it, and behind the low half of a pair. */
static const char *unicode_escape(const struct mst_json *j, size_t *at, uint32_t *ret_u)
{
	uint32_t u, low;

	if (!hex4(j, *at + 1, &u))
		return "\\u needs four hex digits";
	*at += 5;
	if (u == 0)
		return "U+0000 in a text";
	if (u >= 0xdc00 && u <= 0xdfff)
		return "low surrogate without its high one";
	if (u >= 0xd800 && u <= 0xdbff) {
		if (j->in.n - *at < 6 || j->in.p[*at] != '\\' || j->in.p[*at + 1] != 'u' || !hex4(j, *at + 2,
		    &low) ||
		    low < 0xdc00 || low > 0xdfff)
			return "high surrogate without its low one";
		*at += 6;
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
	}
	*ret_u = u;
	return NULL;
}

static int simple_escape(uint8_t c)
{
	static const char letter[] = "\"\\/bfnrt", value[] = "\"\\/\b\f\n\r\t";

	for (size_t i = 0; i + 1 < sizeof(letter); i++)
		if ((uint8_t)letter[i] == c)
			return value[i];
	return -1;
}

/* The text between `from` and `to` holds escapes: unescape it into the arena; never longer than it was. */
static bool unescape(struct mst_json *j, size_t from, size_t to)
{
	uint8_t *out = mst_arena_take(j->arena, to - from);
	size_t n = 0;

	if (!out)
		return fail(j, MST_MSG_TOO_LARGE, from, "no room to unescape this text"), false;
	for (size_t at = from; at < to;) {
		uint32_t u;
		const char *why;
		int c;

		if (j->in.p[at] != '\\') {
			out[n++] = j->in.p[at++];
			continue;
		}
		c = j->in.p[++at];
		if (c == 'u') {
			size_t escape = at - 1;

			why = unicode_escape(j, &at, &u);
			if (why)
				return malformed(j, escape, why), false;
			n += put_utf8(out + n, u);
			continue;
		}
		c = simple_escape((uint8_t)c);
		if (c < 0)
			return malformed(j, at - 1, "unknown escape"), false;
		out[n++] = (uint8_t)c;
		at++;
	}
	j->arena->n -= to - from - n;
	j->text = (struct mst_view){ out, n };
	return true;
}

/* On the opening quote. */
static bool read_string(struct mst_json *j)
{
	size_t from = ++j->at;
	bool escapes = false;

	for (; peek(j) != '"'; j->at++) {
		int c = peek(j);

		if (c < 0)
			return malformed(j, j->start, "text without closing quote"), false;
		if (c < 0x20)
			return malformed(j, j->at, "control character in a text"), false;
		if (c == '\\') {
			escapes = true;
			j->at++;
			if (j->at == j->in.n)
				return malformed(j, j->start, "text without closing quote"), false;
		}
	}
	j->text = (struct mst_view){ j->in.p + from, j->at - from };
	if (!mst_utf8_valid(j->text))
		return malformed(j, from, "text is not UTF-8"), false;
	if (escapes && !unescape(j, from, j->at))
		return false;
	j->at++;
	return true;
}

static size_t digits(struct mst_json *j)
{
	size_t from = j->at;

	while (peek(j) >= '0' && peek(j) <= '9')
		j->at++;
	return j->at - from;
}

static enum mst_json_token read_number(struct mst_json *j)
{
	bool negative = peek(j) == '-';
	uint64_t max = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, x = 0;
	struct mst_view whole;
	size_t from, n;

	if (negative)
		j->at++;
	from = j->at;
	n = digits(j);
	if (n == 0)
		return malformed(j, j->start, "not a value");
	if (n > 1 && j->in.p[from] == '0')
		return malformed(j, from, "number with a leading zero");
	whole = (struct mst_view){ j->in.p + from, n };
	j->integer = true;
	if (peek(j) == '.') {
		j->at++;
		j->integer = false;
		if (!digits(j))
			return malformed(j, j->at, "digits expected after the decimal point");
	}
	if (peek(j) == 'e' || peek(j) == 'E') {
		j->at++;
		j->integer = false;
		if (peek(j) == '+' || peek(j) == '-')
			j->at++;
		if (!digits(j))
			return malformed(j, j->at, "digits expected in the exponent");
	}
	j->fits = mst_parse_dec(whole, max, &x);
	j->number = !j->fits ? 0 : negative ? -(int64_t)(x - (x > 0)) - (x > 0) : (int64_t)x;
	value_done(j);
	return MST_JSON_NUMBER;
}

static enum mst_json_token read_word(struct mst_json *j)
{
	static const struct { const char *word; enum mst_json_token token; } row[] = {
		{ "true", MST_JSON_TRUE }, { "false", MST_JSON_FALSE }, { "null", MST_JSON_NULL },
	};
	struct mst_view rest = mst_view_sub(j->in, j->at, j->in.n);

	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (mst_view_starts(rest, row[i].word)) {
			j->at += mst_view_str(row[i].word).n;
			value_done(j);
			return row[i].token;
		}
	return malformed(j, j->at, rest.n ? "not a value" : "a value is missing at the end");
}

static enum mst_json_token open_level(struct mst_json *j, bool object)
{
	if (j->depth == MST_MSG_DEPTH)
		return fail(j, MST_MSG_DEPTH_EXCEEDED, j->at, "nested deeper than 8 levels");
	j->objects = (j->objects & ~(1u << j->depth)) | (uint32_t)object << j->depth;
	j->depth++;
	j->at++;
	j->expect = object ? FIRST_NAME : FIRST_ITEM;
	return object ? MST_JSON_OBJECT : MST_JSON_ARRAY;
}

static enum mst_json_token close_level(struct mst_json *j)
{
	bool object = in_object(j);

	j->at++;
	j->depth--;
	value_done(j);
	return object ? MST_JSON_OBJECT_END : MST_JSON_ARRAY_END;
}

static enum mst_json_token read_value(struct mst_json *j)
{
	int c = peek(j);

	if (c == '{' || c == '[')
		return open_level(j, c == '{');
	if (c == '"') {
		if (!read_string(j))
			return MST_JSON_ERROR;
		value_done(j);
		return MST_JSON_STRING;
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(j);
	return read_word(j);
}

static enum mst_json_token read_name(struct mst_json *j)
{
	size_t start = j->at;

	if (peek(j) != '"')
		return malformed(j, j->at, "a member name in quotes expected");
	if (!read_string(j))
		return MST_JSON_ERROR;
	skip_blanks(j);
	if (peek(j) != ':')
		return malformed(j, j->at, "a colon expected after the member name");
	j->at++;
	j->expect = VALUE;
	j->start = start;
	return MST_JSON_NAME;
}

/* Behind a value inside an object or array: a comma, or the end of the level. */
static enum mst_json_token read_after(struct mst_json *j)
{
	int end = in_object(j) ? '}' : ']';

	if (peek(j) == end)
		return close_level(j);
	if (peek(j) != ',')
		return malformed(j, j->at, in_object(j) ? "a comma or } expected" : "a comma or ] expected");
	j->at++;
	skip_blanks(j);
	if (peek(j) == end)
		return malformed(j, j->at, "trailing comma");
	j->start = j->at;
	return in_object(j) ? read_name(j) : read_value(j);
}

enum mst_json_token mst_json_next(struct mst_json *j)
{
	if (j->at == 0 && mst_view_starts(j->in, "\xef\xbb\xbf"))
		return malformed(j, 0, "byte order mark");
	skip_blanks(j);
	j->start = j->expect == FAILED ? j->start : j->at;
	switch ((enum expect)j->expect) {
	case VALUE: return read_value(j);
	case FIRST_ITEM: return peek(j) == ']' ? close_level(j) : read_value(j);
	case FIRST_NAME: return peek(j) == '}' ? close_level(j) : read_name(j);
	case AFTER: return read_after(j);
	case DONE: return peek(j) < 0 ? MST_JSON_END : fail(j, MST_MSG_TRAILING, j->at,
		"octets after the end");
	case FAILED: break;
	}
	return MST_JSON_ERROR;
}

bool mst_json_skip(struct mst_json *j, enum mst_json_token first)
{
	size_t mark = j->arena->n;
	unsigned level = 0;

	for (enum mst_json_token t = first;; t = mst_json_next(j)) {
		j->arena->n = mark;
		if (t == MST_JSON_ERROR || t == MST_JSON_END)
			return false;
		if (t == MST_JSON_OBJECT || t == MST_JSON_ARRAY)
			level++;
		if (t == MST_JSON_OBJECT_END || t == MST_JSON_ARRAY_END)
			level--;
		if (!level)
			return true;
	}
}

const char *mst_json_token_text(enum mst_json_token t)
{
	switch (t) {
	case MST_JSON_OBJECT: return "an object";
	case MST_JSON_ARRAY: return "an array";
	case MST_JSON_STRING: return "a text";
	case MST_JSON_NUMBER: return "a number";
	case MST_JSON_TRUE: case MST_JSON_FALSE: return "true or false";
	case MST_JSON_NULL: return "null";
	case MST_JSON_NAME: return "a member";
	case MST_JSON_END: case MST_JSON_OBJECT_END: case MST_JSON_ARRAY_END: return "the end";
	case MST_JSON_ERROR: break;
	}
	return "an error";
}

void mst_json_put_string(struct mst_writer *w, struct mst_view text)
{
	if (!mst_utf8_valid(text) || mst_view_find(text, 0) < text.n)
		w->ok = false;
	mst_put_u8(w, '"');
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (c == '"' || c == '\\') {
			mst_put_u8(w, '\\');
			mst_put_u8(w, c);
		} else if (c < 0x20) {
			mst_put_str(w, "\\u00");
			mst_put_hex(w, (struct mst_view){ &c, 1 });
		} else {
			mst_put_u8(w, c);
		}
	}
	mst_put_u8(w, '"');
}
