/*
 * SIMs by the batch, from CSV (RFC 4180): encrypted as a SIM maker sends it, or a file that nobody else may read. In pages, with an answer
 * for each row; a bad row never stops a good one.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "csv.h"
#include "import.h"
#include "proto/aka/sim.h"
#include "secenv/private.h"
#include "sim.h"

#define PAGE_ROWS 500
#define PAGE_OCTETS 200000          /* the API takes 262144, and what is sealed is longer than it was */
#define ROW_MAX 2048

/* Those of the API first; then keys as makers' files have them, of which the line with its check is made here. */
static const char *const columns[] = { "imsi", "impi", "mncDigits", "msisdn", "secret", "amf", "sqn", "ind", "node", "uiccType", "lifetime",
				       "nafGroup", "gsid", "keyChoice", "algorithm", "k", "opc", "op", "topc", "top", "res", "times" };
enum { LIFETIME = 10, API_COLUMNS = 14, ALGORITHM = 14, K, OPC, OP, TOPC, TOP, RES, TIMES };

struct batch {
	struct muster *m;
	struct api *api;
	FILE *answers;
	json_t *page;
	size_t page_octets, first, done, good, bad, left, all, shown;
};

static void answer_row(struct batch *b, size_t row, const char *error)
{
	if (error)
		b->bad++;
	else
		b->good++;
	if (b->answers) {
		fprintf(b->answers, "%zu,%s,", row, error ? "no" : "yes");
		csv_put(b->answers, error ? error : "");
		fputc('\n', b->answers);
	} else if (error && b->shown++ < 20) {
		complain("row %zu: %s", row, error);
	}
}

static int flush_page(struct batch *b)
{
	size_t n = json_array_size(b->page), i;
	json_t *answer = NULL, *rows, *one, *page = b->page;
	int status = 0;

	if (!n)
		return EXIT_DONE;
	b->page = json_array();
	b->page_octets = 0;
	if (!b->page)
		out_of_memory();
	if (api_call(b->api, "POST", "/v1/sims/import", json_pack("{s:o}", "rows", page), &status, &answer) < 0)
		return EXIT_FAULT;
	if (status != 200) {
		int r = api_explain(status, answer);

		json_decref(answer);
		return status == 500 ? EXIT_FAULT : r;
	}
	rows = json_object_get(answer, "rows");
	json_array_foreach(rows, i, one) {
		const json_t *error = json_object_get(one, "error");
		char text[512];

		snprintf(text, sizeof(text), "%s%s%s", text_of(error, "field"), *text_of(error, "field") ? ": " : "", text_of(error, "text"));
		answer_row(b, b->first + i, json_is_true(json_object_get(one, "ok")) ? NULL : text);
	}
	json_decref(answer);
	b->first += n;
	b->done += n;
	progress(b->m, "import", b->done, b->all);
	return EXIT_DONE;
}

/* Refused before it is asked for; what waits goes first, so that the answers keep their order. */
static int refuse_row(struct batch *b, const char *error)
{
	int r = flush_page(b);

	if (r != EXIT_DONE)
		return r;
	answer_row(b, b->first++, error);
	b->done++;
	return r;
}

static bool octets(const char *hex, uint8_t *out, size_t cap, struct mst_view *ret)
{
	ret->p = out;
	return mst_hex_decode(mst_view_str(hex), out, cap, &ret->n);
}

/* The line of keys in hex. NULL, or what is wrong. */
static const char *line_of_keys(const char *const cell[], char *out, size_t cap)
{
	static const struct { int column; enum aka_algorithm algorithm; bool is_op; } kind[] = {
		{ OPC, AKA_MILENAGE, false }, { OP, AKA_MILENAGE, true }, { TOPC, AKA_TUAK, false }, { TOP, AKA_TUAK, true },
	};
	uint8_t k[AKA_LONG], top[AKA_LONG];
	struct mst_writer w = mst_writer_of(out, cap);
	struct mst_view key, value;
	struct aka_sim s = { .is_op = false };
	uint64_t res = 8, times = 1;
	const char *wrong = NULL;
	int which = -1;

	for (size_t i = 0; i < MST_COUNT(kind); i++)
		if (*cell[kind[i].column])
			which = which < 0 ? (int)i : (int)MST_COUNT(kind);
	if (which < 0 || which == (int)MST_COUNT(kind))
		return "k: beside it one of opc, op, topc, top is wanted";
	if (*cell[ALGORITHM] && strcmp(cell[ALGORITHM], aka_algorithm_text(kind[which].algorithm)))
		return "algorithm: milenage has opc or op, tuak has topc or top";
	if ((*cell[RES] && !mst_parse_dec(mst_view_str(cell[RES]), AKA_SIM_RES_MAX, &res)) ||
	    (*cell[TIMES] && !mst_parse_dec(mst_view_str(cell[TIMES]), 255, &times)))
		return "res, times: 4 to 16 octets, 1 to 255 permutations";
	if (!octets(cell[K], k, sizeof(k), &key) || !octets(cell[kind[which].column], top, sizeof(top), &value))
		wrong = "k, opc, op, topc, top: not in hex, or too long";
	else if (aka_keys_set(&s.keys, kind[which].algorithm, key, value) || !value.n)
		wrong = "k, opc, op, topc, top: wrong length; 32 hex digits with milenage, 64 with tuak, whose k may have 32";
	s.is_op = kind[which].is_op;
	s.keys.res_n = (uint8_t)res;
	s.keys.times = (uint8_t)times;
	if (!wrong && aka_keys_check(&s.keys, NULL))
		wrong = "res: a length that the algorithm does not make";
	if (!wrong) {
		aka_sim_write(&s, &w);
		mst_put_nul(&w);
		wrong = w.ok ? NULL : "too long";
	}
	aka_sim_wipe(&s);
	mst_wipe(k, sizeof(k));
	mst_wipe(top, sizeof(top));
	return wrong;
}

static json_t *row_from(char **given, size_t n, const int *column_of, const char **ret_wrong)
{
	const char *cell[MST_COUNT(columns)];
	char line[AKA_SIM_TEXT_MAX];
	json_t *row = json_object();

	for (size_t i = 0; i < MST_COUNT(columns); i++)
		cell[i] = "";
	for (size_t i = 0; i < n; i++)
		cell[column_of[i]] = given[i];
	*ret_wrong = *cell[LIFETIME] && !duration_from(cell[LIFETIME]) ? "lifetime: a duration, " DURATION_FORMS : NULL;
	for (size_t i = 0; i < API_COLUMNS && !*ret_wrong; i++)
		if (*cell[i] && json_object_set_new(row, columns[i], json_string(cell[i])))
			*ret_wrong = "no UTF-8 text; save the file as UTF-8";
	if (!*ret_wrong && *cell[LIFETIME])
		json_object_set_new(row, columns[LIFETIME], json_integer(duration_from(cell[LIFETIME])));
	if (!*ret_wrong && *cell[K] && json_object_get(row, "secret"))
		*ret_wrong = "secret, k: one of the two is enough";
	if (!*ret_wrong && *cell[K])
		*ret_wrong = line_of_keys(cell, line, sizeof(line));
	if (!*ret_wrong && *cell[K])
		json_object_set_new(row, "secret", json_string(line));
	mst_wipe(line, sizeof(line));
	if (!*ret_wrong)
		return row;
	json_decref(row);
	return NULL;
}

static int add_row(struct batch *b, json_t *row)
{
	char *text = json_dumps(row, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	int r;

	if (text)
		mst_wipe(text, n);
	free(text);
	if (!n || n > ROW_MAX) {
		json_decref(row);
		return refuse_row(b, "the row is longer than 2048 octets");
	}
	if (b->page_octets + n > PAGE_OCTETS && (r = flush_page(b)) != EXIT_DONE) {
		json_decref(row);
		return r;
	}
	json_array_append_new(b->page, row);
	b->page_octets += n;
	return json_array_size(b->page) == PAGE_ROWS ? flush_page(b) : EXIT_DONE;
}

static int read_head(const char *path, struct csv *c, int column_of[CSV_COLUMNS], size_t *ret_n)
{
	size_t n = csv_next(c);

	if (n == 0 || c->error) {
		complain("%s:%zu: %s", path, c->line, c->error ? c->error : "is empty; its first line names the columns: imsi,k,opc,node,…");
		return EXIT_REFUSED;
	}
	for (size_t i = 0; i < n; i++) {
		column_of[i] = -1;
		for (size_t k = 0; k < MST_COUNT(columns); k++)
			if (strcmp(c->cell[i], columns[k]) == 0)
				column_of[i] = (int)k;
		for (size_t k = 0; k < i; k++)
			if (column_of[k] == column_of[i] && column_of[i] >= 0) {
				complain("%s:%zu: the column \"%s\" stands there twice", path, c->line, c->cell[i]);
				return EXIT_REFUSED;
			}
		if (column_of[i] < 0) {
			complain("%s:%zu: unknown column \"%s\"; one of imsi, impi, mncDigits, msisdn, secret, amf, sqn, ind, node, uiccType, lifetime, "
				 "nafGroup, gsid, keyChoice, algorithm, k, opc, op, topc, top, res, times", path, c->line, shown(c->cell[i]));
			return EXIT_REFUSED;
		}
	}
	*ret_n = n;
	return EXIT_DONE;
}

static int import_csv(struct batch *b, const char *path, char *text, size_t size)
{
	int column_of[CSV_COLUMNS], r;
	size_t n, wanted;
	struct csv c;

	csv_start(&c, text, size);
	r = read_head(path, &c, column_of, &wanted);
	if (r != EXIT_DONE)
		return r;
	b->all = csv_count(&c);
	while (r == EXIT_DONE && (n = csv_next(&c)) > 0) {
		const char *wrong = NULL;
		char error[300];
		json_t *row = !c.error && n == wanted ? row_from(c.cell, n, column_of, &wrong) : NULL;

		csv_forget(&c);
		if (row) {
			r = add_row(b, row);
			continue;
		}
		if (c.error || wrong)
			snprintf(error, sizeof(error), "line %zu: %s", c.line, c.error ? c.error : wrong);
		else
			snprintf(error, sizeof(error), "line %zu: %zu cells, the head has %zu", c.line, n, wanted);
		r = refuse_row(b, error);
	}
	return r == EXIT_DONE ? flush_page(b) : r;
}

/* Stopped in the middle: each row that was not tried is told so, and can be sent again. */
static int finish(struct batch *b, int r)
{
	if (r != EXIT_DONE && b->all >= b->first) {
		b->left = b->all - b->first + 1;
		complain("stopped before row %zu: it and what follows was not carried out, or not answered; import these rows again", b->first);
		for (size_t row = b->first; b->answers && row <= b->all; row++)
			fprintf(b->answers, "%zu,no,not carried out: stopped before row %zu\n", row, b->first);
	}
	if (b->answers && fclose(b->answers) != 0) {
		complain("the answers could not be written: %s", strerror(errno));
		r = EXIT_FAULT;
	}
	if (b->shown > 20)
		complain("and %zu more refused rows; --answers FILE writes an answer for each", b->shown - 20);
	if (b->m->quiet)
		;                /* whoever runs the import tells about it */
	else if (b->m->json)
		print_json(json_pack("{s:I,s:I,s:I,s:I}", "rows", (json_int_t)b->done + (json_int_t)b->left, "added", (json_int_t)b->good, "refused",
				     (json_int_t)b->bad, "notCarriedOut", (json_int_t)b->left));
	else
		say(b->left ? "%zu rows: %zu added, %zu refused, %zu not carried out" : "%zu rows: %zu added, %zu refused", b->done + b->left, b->good,
		    b->bad, b->left);
	return r == EXIT_DONE && b->bad ? EXIT_REFUSED : r;
}

static int import_text(struct batch *b, const char *path, const char *answers, char *text, size_t size)
{
	size_t skip = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;      /* the mark that spreadsheets and editors put first */
	int r;

	b->api = api_open(b->m);
	if (!b->api)
		return EXIT_FAULT;
	if (answers) {
		b->answers = fopen(answers, "we");
		if (!b->answers) {
			complain("cannot write %s: %s", answers, strerror(errno));
			api_close(b->api);
			return EXIT_FAULT;
		}
		fputs("row,ok,error\n", b->answers);
	}
	b->page = json_array();
	if (!b->page)
		out_of_memory();
	r = finish(b, import_csv(b, path, text + skip, size - skip));
	json_decref(b->page);
	api_close(b->api);
	return r;
}

/* Keys in clear: in a file that nobody else may read, or through a pipe. */
static bool kept_apart(const char *path)
{
	struct stat st;

	if (strcmp(path, "-") == 0 || stat(path, &st) || !S_ISREG(st.st_mode) || mst_is_private_file(path, &st, false))
		return true;
	complain("%s: holds keys of SIMs in clear, and others may read it; chmod 600 it, or have it encrypted (openssl cms -encrypt)", path);
	return false;
}

int sim_import(struct muster *m, int argc, char **argv)
{
	const char *answers = NULL;
	struct unlock how = { 0 };
	struct batch b = { .m = m, .first = 1 };
	const struct opt opts[] = {
		{ "answers", &answers, NULL }, { "password-file", &how.password_file, NULL }, { "certificate", &how.certificate, NULL },
		{ "key", &how.key, NULL },
	};
	bool encrypted = false;
	size_t size = 0;
	char *text;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one file, or - for standard input");
	text = read_file(argv[0], &size);
	if (!text)
		return EXIT_FAULT;
	r = import_unlock(argv[0], &how, &text, &size, &encrypted);
	if (r == EXIT_DONE && !encrypted && !kept_apart(argv[0]))
		r = EXIT_REFUSED;
	if (r == EXIT_DONE)
		r = import_text(&b, argv[0], answers, text, size);
	mst_wipe(text, size);
	free(text);
	return r;
}
