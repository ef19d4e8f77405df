/*
 * Import of nodes from CSV (RFC 4180) or JSON, in pages, with an answer for each row. A bad row never
 * stops a good one; the exit status tells whether any was refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "csv.h"
#include "cert.h"
#include "import.h"

#define PAGE_ROWS 500
#define PAGE_OCTETS 200000          /* the API takes 262144 */
#define ROW_MAX 4096

struct import {
	struct muster *m;
	struct api *api;
	FILE *answers;                   /* CSV: row,ok,error */
	char anchor[2 * MST_SHA256_LEN + 1];     /* of rows that name none; "" = none */
	bool encrypted;                  /* it was: rows may have secrets */
	bool secrets_only;               /* of nodes that are known already */
	json_t *page;
	struct row_secret *secret;       /* PAGE_ROWS of them, one for each row of the page */
	size_t page_octets;
	size_t first;                    /* row number of the page's first row */
	size_t done, good, bad, left, all;
	size_t shown;
};

static const char *const columns[] = { "nodeID", "cseID", "aeID", "subscription", "maker", "model", "serial", "batch", "identity", "anchor", "kpmID", "secret" };

static void answer_row(struct import *im, size_t row, const char *error)
{
	if (error)
		im->bad++;
	else
		im->good++;
	if (im->answers) {
		fprintf(im->answers, "%zu,%s,", row, error ? "no" : "yes");
		csv_put(im->answers, error ? error : "");
		fputc('\n', im->answers);
	} else if (error && im->shown++ < 20) {
		complain("row %zu: %s", row, error);
	}
}

/* The node is in; now its secret. A row whose secret did not get through is told from one that was refused. */
static void flush_secret(struct import *im, size_t i, int *end)
{
	const bool has = im->secret[i].text[0];
	char error[600] = "";

	if (has && *end == EXIT_DONE)
		*end = import_put_secret(im->api, &im->secret[i], error, sizeof(error));
	if (has && *end != EXIT_DONE)
		snprintf(error, sizeof(error), "the node is in, its secret is not: nobody answers any more; import once more with --secrets-only");
	answer_row(im, im->first + i, *error ? error : NULL);
}

static void end_page(struct import *im, size_t n)
{
	mst_wipe(im->secret, PAGE_ROWS * sizeof(*im->secret));
	im->first += n;
	im->done += n;
	progress(im->m, "import", im->done, im->all);
}

static int flush_secrets(struct import *im)
{
	size_t n = json_array_size(im->page);
	int r = EXIT_DONE;

	for (size_t i = 0; i < n; i++) {
		if (im->secret[i].text[0])
			flush_secret(im, i, &r);
		else
			answer_row(im, im->first + i, "secret: is missing");
	}
	json_array_clear(im->page);
	im->page_octets = 0;
	end_page(im, n);
	return r;
}

static int flush_page(struct import *im)
{
	size_t n = json_array_size(im->page), i;
	json_t *answer = NULL, *rows, *one;
	int status = 0, end = EXIT_DONE;

	if (n && im->secrets_only)
		return flush_secrets(im);
	im->page_octets = 0;
	if (n == 0)
		return EXIT_DONE;
	if (api_call(im->api, "POST", "/v1/nodes/import", json_pack("{s:o}", "rows", im->page), &status, &answer) < 0) {
		im->page = json_array();
		return EXIT_FAULT;
	}
	im->page = json_array();
	if (status != 200) {
		int r = api_explain(status, answer);

		json_decref(answer);
		return status == 500 ? EXIT_FAULT : r;
	}
	rows = json_object_get(answer, "rows");
	json_array_foreach(rows, i, one) {
		const json_t *error = json_object_get(one, "error");
		char text[512];

		if (json_is_true(json_object_get(one, "ok"))) {
			flush_secret(im, i, &end);
			continue;
		}
		snprintf(text, sizeof(text), "%s%s%s", text_of(error, "field"), *text_of(error, "field") ? ": " : "",
		         text_of(error, "text"));
		answer_row(im, im->first + i, text);
	}
	json_decref(answer);
	end_page(im, n);
	return end;
}

/* Refused before it is asked for; what waits goes first, so that the answers keep their order. */
static int refuse_row(struct import *im, const char *error)
{
	int r = flush_page(im);

	if (r != EXIT_DONE)
		return r;
	answer_row(im, im->first++, error);
	im->done++;
	return r;
}

/* A row that no node needs would make the whole page too long: refused here, by itself. */
static int add_row(struct import *im, json_t *row)
{
	struct row_secret secret;
	const char *wrong;
	char *text, error[400];
	size_t n;
	int r;

	wrong = import_take_secret(row, im->encrypted, &secret, error, sizeof(error));
	if (wrong) {
		json_decref(row);
		return refuse_row(im, wrong);
	}
	if (im->anchor[0] && json_is_object(row) && !json_object_get(row, "anchor"))
		json_object_set_new(row, "anchor", json_string(im->anchor));
	text = json_dumps(row, JSON_COMPACT | JSON_ENCODE_ANY);
	n = text ? strlen(text) : 0;
	free(text);
	if (n == 0 || n > ROW_MAX) {
		json_decref(row);
		mst_wipe(&secret, sizeof(secret));
		return refuse_row(im, n ? "the row is longer than 4096 octets" : "the row holds no valid UTF-8 text");
	}
	if (im->page_octets + n > PAGE_OCTETS && (r = flush_page(im)) != EXIT_DONE) {
		json_decref(row);
		mst_wipe(&secret, sizeof(secret));
		return r;
	}
	im->secret[json_array_size(im->page)] = secret;
	mst_wipe(&secret, sizeof(secret));
	json_array_append_new(im->page, row);
	im->page_octets += n;
	return json_array_size(im->page) == PAGE_ROWS ? flush_page(im) : EXIT_DONE;
}

/* One CSV record to the API's node; identity is "kind:value", several separated by blanks. A cell that is no UTF-8 has no
 * place in JSON: the first such one is named in *ret_bad, and the row is none. */
static json_t *row_from(char **cell, size_t n, const int *column_of, const char **ret_bad)
{
	json_t *row = json_object(), *ids = NULL;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		const char *key = columns[column_of[i]];

		if (!*cell[i])
			continue;
		if (strcmp(key, "identity") != 0) {
			r = json_object_set_new(row, key, json_string(cell[i]));
		} else {
			char *save = NULL;

			ids = json_array();
			for (char *p = strtok_r(cell[i], " ", &save); p; p = strtok_r(NULL, " ", &save)) {
				char *colon = strchr(p, ':');

				r |= json_array_append_new(ids, json_pack("{s:s%,s:s}", "kind", p, colon ? (size_t)(colon - p) : 0,
				                                          "value", colon ? colon + 1 : p));
			}
		}
		if (r) {
			*ret_bad = key;
			break;
		}
	}
	if (ids)
		json_object_set_new(row, "identities", ids);
	return row;
}

static int read_head(const char *path, struct csv *c, int column_of[CSV_COLUMNS], size_t *ret_n)
{
	size_t n = csv_next(c);

	if (n == 0) {
		complain("%s: the file is empty; its first line must name the columns: nodeID,cseID,subscription,maker,…", path);
		return EXIT_REFUSED;
	}
	if (c->error) {
		complain("%s:%zu: %s", path, c->line, c->error);
		return EXIT_REFUSED;
	}
	for (size_t i = 0; i < n; i++) {
		column_of[i] = -1;
		for (size_t k = 0; k < MST_COUNT(columns); k++)
			if (strcmp(c->cell[i], columns[k]) == 0)
				column_of[i] = (int)k;
		for (size_t k = 0; k < i; k++) {
			if (column_of[k] == column_of[i] && column_of[i] >= 0) {
				complain("%s:%zu: the column \"%s\" stands there twice", path, c->line, c->cell[i]);
				return EXIT_REFUSED;
			}
		}
		if (column_of[i] < 0) {
			complain("%s:%zu: unknown column \"%s\"; one of nodeID, cseID, aeID, subscription, maker, model, serial, batch, "
			         "identity, anchor, kpmID, secret", path, c->line, c->cell[i]);
			return EXIT_REFUSED;
		}
	}
	*ret_n = n;
	return EXIT_DONE;
}

static int import_csv(struct import *im, const char *path, char *text, size_t size)
{
	struct csv c;
	int column_of[CSV_COLUMNS], r;
	size_t n, columns_wanted;

	csv_start(&c, text, size);
	r = read_head(path, &c, column_of, &columns_wanted);
	if (r != EXIT_DONE)
		return r;
	im->all = csv_count(&c);
	while (r == EXIT_DONE && (n = csv_next(&c)) > 0) {
		const char *no_text = NULL;
		json_t *row = NULL;
		char error[128];

		if (!c.error && n == columns_wanted)
			row = row_from(c.cell, n, column_of, &no_text);
		csv_forget(&c);
		if (row && !no_text) {
			r = add_row(im, row);
			continue;
		}
		json_decref(row);
		if (c.error)
			snprintf(error, sizeof(error), "line %zu: %s", c.line, c.error);
		else if (no_text)
			snprintf(error, sizeof(error), "line %zu: %s: no UTF-8 text; save the file as UTF-8", c.line, no_text);
		else
			snprintf(error, sizeof(error), "line %zu: %zu cells, the head has %zu", c.line, n, columns_wanted);
		r = refuse_row(im, error);
	}
	return r == EXIT_DONE ? flush_page(im) : r;
}

/* Each row is let go of as it is taken: with what waits to be said, it is there once. */
static int import_json(struct import *im, const char *path, char *text, size_t size)
{
	json_error_t where;
	json_t *all = mst_json_read(text, size, JSON_REJECT_DUPLICATES, &where), *row;
	size_t i;
	int r = EXIT_DONE;

	mst_wipe(text, size);
	if (!json_is_array(all)) {
		complain("%s:%d: %s; an array of nodes is wanted", path, all ? 1 : where.line, all ? "not an array" : where.text);
		json_decref(all);
		return EXIT_REFUSED;
	}
	im->all = json_array_size(all);
	json_array_foreach(all, i, row) {
		json_incref(row);
		if (json_array_set_new(all, i, json_null()))
			out_of_memory();
		r = add_row(im, row);
		if (r != EXIT_DONE)
			break;
	}
	json_decref(all);
	return r == EXIT_DONE ? flush_page(im) : r;
}

/* Stopped in the middle: each row that was not tried is told so, and can be sent again. */
static void answer_the_rest(struct import *im)
{
	size_t from = im->first;

	im->left = im->all >= from ? im->all - from + 1 : 0;
	if (!im->left)
		return;
	complain("stopped before row %zu: it and what follows was not carried out, or not answered; import these rows again", from);
	for (size_t row = from; im->answers && row <= im->all; row++)
		fprintf(im->answers, "%zu,no,not carried out: stopped before row %zu\n", row, from);
}

static int finish(struct import *im, int r)
{
	if (r != EXIT_DONE)
		answer_the_rest(im);
	if (im->answers && fclose(im->answers) != 0) {
		complain("the answers could not be written: %s", strerror(errno));
		r = EXIT_FAULT;
	}
	if (im->shown > 20)
		complain("and %zu more refused rows; --answers FILE writes an answer for each", im->shown - 20);
	if (im->m->quiet)
		;                /* whoever runs the import tells about it */
	else if (im->m->json)
		print_json(json_pack("{s:I,s:I,s:I,s:I}", "rows", (json_int_t)im->done + (json_int_t)im->left, "added", (json_int_t)im->good,
		                     "refused", (json_int_t)im->bad, "notCarriedOut", (json_int_t)im->left));
	else
		say(im->left ? "%zu rows: %zu added, %zu refused, %zu not carried out" : "%zu rows: %zu added, %zu refused",
		    im->done + im->left, im->good, im->bad, im->left);
	if (r == EXIT_DONE && im->bad)
		r = EXIT_REFUSED;
	return r;
}

static int import_text(struct import *im, const char *path, const char *answers, char *text, size_t size)
{
	size_t skip = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;      /* the mark that spreadsheets and editors put first */
	int r;

	skip += strspn(text + skip, " \t\r\n");
	im->api = api_open(im->m);
	if (!im->api)
		return EXIT_FAULT;
	if (answers) {
		im->answers = fopen(answers, "we");
		if (!im->answers) {
			complain("cannot write %s: %s", answers, strerror(errno));
			api_close(im->api);
			return EXIT_FAULT;
		}
		fputs("row,ok,error\n", im->answers);
	}
	im->page = json_array();
	im->secret = calloc(PAGE_ROWS, sizeof(*im->secret));
	if (!im->page || !im->secret)
		out_of_memory();
	r = text[skip] == '[' || text[skip] == '{' ? import_json(im, path, text + skip, size - skip) :
	    import_csv(im, path, text, size);
	r = finish(im, r);
	json_decref(im->page);
	mst_wipe(im->secret, PAGE_ROWS * sizeof(*im->secret));
	free(im->secret);
	api_close(im->api);
	return r;
}

int node_import(struct muster *m, int argc, char **argv)
{
	const char *answers = NULL, *anchor = NULL;
	struct unlock how = { 0 };
	struct import im = { .m = m, .first = 1 };
	const struct opt opts[] = {
		{ "answers", &answers, NULL }, { "anchor", &anchor, NULL }, { "password-file", &how.password_file, NULL },
		{ "certificate", &how.certificate, NULL }, { "key", &how.key, NULL }, { "secrets-only", NULL, &im.secrets_only },
	};
	size_t size = 0;
	char *text;
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one file, or - for standard input");
	if (anchor && !anchor_text(anchor, im.anchor))
		return EXIT_USAGE;
	text = read_file(argv[0], &size);
	if (!text)
		return EXIT_FAULT;
	r = import_unlock(argv[0], &how, &text, &size, &im.encrypted);
	if (r == EXIT_DONE)
		r = import_text(&im, argv[0], answers, text, size);
	mst_wipe(text, size);
	free(text);
	return r;
}
