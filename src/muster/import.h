/* Between the import of nodes and that of their makers' secrets. */
#ifndef MUSTER_IMPORT_H
#define MUSTER_IMPORT_H

#include "codec/ident.h"
#include "codec/secret-text.h"
#include "muster.h"

/* What a row says beyond the node itself. Wiped with the page that it belongs to. */
struct row_secret { char node[MST_ID_MAX], identity[MST_ID_MAX], text[MST_SECRET_TEXT_MAX + 64]; };

struct unlock { const char *password_file, *certificate, *key; };
/* Opens *text, malloc'ed, in place when it is an encrypted file. EXIT_DONE and whether it was, or explained. */
int import_unlock(const char *path, const struct unlock *how, char **text, size_t *size, bool *ret_encrypted);
/* Takes kpmID and secret out of a row; `encrypted`: they may stand there. NULL, or what is wrong with them. */
const char *import_take_secret(json_t *row, bool encrypted, struct row_secret *s, char *error, size_t cap);
/* EXIT_DONE and an empty `error`, or what the answer was; EXIT_FAULT: no answer. The secret is wiped once it is said. */
int import_put_secret(struct api *a, struct row_secret *s, char *error, size_t cap);

#endif
