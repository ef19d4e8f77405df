/* Reading tables in place: ends, stays inside its text, gives cells that end, and counts as it reads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/muster/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1);
	size_t records = 0, counted, cells;
	struct csv c;

	if (!text)
		return 0;
	if (n)
		memcpy(text, p, n);
	text[n] = '\0';
	csv_start(&c, text, n);
	counted = csv_count(&c);
	while ((cells = csv_next(&c)) > 0) {
		records++;
		if (cells > CSV_COLUMNS || c.line < 1 || c.p > c.end || records > n)
			abort();
		for (size_t i = 0; i < cells && !c.error; i++)
			if (c.cell[i] < text || c.cell[i] + strlen(c.cell[i]) > text + n)
				abort();
	}
	if (records != counted)
		abort();
	free(text);
	return 0;
}
