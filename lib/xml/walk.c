#include "xml/xml.h"

#include <libxml/xmlreader.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

/*
 * The library goes on without an element's namespace or a piece of text for which it had no memory, and reports no error: a node was told nothing
 * of itself so, and believed it. So it is watched. What it takes is malloc()'s as ever, whoever else uses it in this program.
 */
static _Thread_local bool lacked;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *take(size_t n)
{
	void *p = malloc(n);

	lacked |= !p;
	return p;
}

static void *take_more(void *old, size_t n)
{
	void *p = realloc(old, n);

	lacked |= !p && n;
	return p;
}

static char *take_copy(const char *s)
{
	char *p = strdup(s);

	lacked |= !p;
	return p;
}

static void watch(void)
{
	(void)xmlMemSetup(free, take, take_more, take_copy);
}

struct walk {
	const struct mst_xml_ops *ops;
	void *ctx;
	struct mst_diag *d;
	struct mst_xml_element at;
	bool no_memory, said;
};

static int bad(struct walk *w, size_t line, const char *text)
{
	char number[24] = "";
	struct mst_writer n = mst_writer_of(number, sizeof(number) - 1);

	if (!w->said) {
		mst_put_dec(&n, (int64_t)line);
		number[n.n] = 0;
		mst_diag_set(w->d, 0, "XML", line ? "line " : "", line ? number : "", line ? ": " : "", text, NULL);
	}
	w->said = true;
	return MST_XML_BAD;
}

static void on_error(void *ctx, xmlErrorPtr e)
{
	struct walk *w = ctx;
	char text[100];
	size_t n = 0;

	w->no_memory |= e->code == XML_ERR_NO_MEMORY;
	if (e->level < XML_ERR_ERROR)
		return;
	/* the library's words may quote the document: shown as plain text on one line */
	for (const char *p = e->message ? e->message : "not XML"; *p && *p != '\n' && n + 1 < sizeof(text); p++)
		text[n++] = *p < 0x20 || *p > 0x7e ? '?' : *p;
	text[n] = 0;
	(void)bad(w, e->line > 0 ? (size_t)e->line : 0, text);
}

/* What the library need not even see: anything but UTF-8, and `<!` for anything but comments and CDATA. */
static const char *unwanted(struct mst_view in, size_t max)
{
	if (in.n > max)
		return "larger than is allowed";
	if (mst_view_find(in, 0) < in.n || !mst_utf8_valid(in))
		return "not UTF-8";
	for (size_t i = 0; i + 1 < in.n; i++)
		if (in.p[i] == '<' && in.p[i + 1] == '!' && !mst_view_starts(mst_view_sub(in, i + 2, 2), "--") &&
		    !mst_view_starts(mst_view_sub(in, i + 2, 7), "[CDATA["))
			return "a document type is not accepted";
	return NULL;
}

static struct mst_xml_element element_of(xmlTextReaderPtr r)
{
	const xmlChar *ns = xmlTextReaderConstNamespaceUri(r), *name = xmlTextReaderConstLocalName(r);

	return (struct mst_xml_element){ name ? (const char *)name : "", ns ? (const char *)ns : "", (unsigned)xmlTextReaderDepth(r), r };
}

struct mst_view mst_xml_attribute(const struct mst_xml_element *e, const char *name)
{
	const xmlChar *v = NULL;

	if (xmlTextReaderMoveToAttribute(e->reader, (const xmlChar *)name) == 1)
		v = xmlTextReaderConstValue(e->reader);
	(void)xmlTextReaderMoveToElement(e->reader);
	return mst_view_str((const char *)v);
}

static const char *one_node(struct walk *w, xmlTextReaderPtr r)
{
	const struct mst_xml_element *e = &w->at;
	const xmlChar *text;
	const char *why;

	w->at = element_of(r);
	switch (xmlTextReaderNodeType(r)) {
	case XML_READER_TYPE_ELEMENT:
		if (e->depth >= MST_XML_DEPTH_MAX)
			return "nested too deeply";
		why = w->ops->begin(w->ctx, e);
		/* <x/> has no end of its own */
		return why || !xmlTextReaderIsEmptyElement(r) ? why : w->ops->end(w->ctx, e);
	case XML_READER_TYPE_END_ELEMENT:
		return w->ops->end(w->ctx, e);
	case XML_READER_TYPE_TEXT:
	case XML_READER_TYPE_CDATA:
	case XML_READER_TYPE_WHITESPACE:
	case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
		text = xmlTextReaderConstValue(r);
		return w->ops->text(w->ctx, mst_view_str((const char *)text));
	case XML_READER_TYPE_COMMENT:
	case XML_READER_TYPE_PROCESSING_INSTRUCTION:
	case XML_READER_TYPE_XML_DECLARATION:
		return NULL;
	default:                     /* entity references, document types and what the library may invent */
		return "entities are not accepted";
	}
}

static int no_memory(struct mst_diag *d)
{
	mst_diag_set(d, 0, "XML", "no memory", NULL);
	return MST_FAULT_MEMORY;
}

int mst_xml_walk(struct mst_view in, size_t max, const struct mst_xml_ops *ops, void *ctx, struct mst_diag *d)
{
	struct walk w = { .ops = ops, .ctx = ctx, .d = d };
	const char *why = unwanted(in, max);
	xmlTextReaderPtr r;
	int more, ret = 0;

	if (why)
		return bad(&w, 0, why);
	(void)pthread_once(&once, watch);
	lacked = false;
	r = xmlReaderForMemory(in.n ? (const char *)in.p : "", (int)in.n, NULL, "UTF-8",
			       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC);
	if (!r)
		return no_memory(d);
	xmlTextReaderSetStructuredErrorHandler(r, on_error, &w);
	while ((more = xmlTextReaderRead(r)) == 1) {
		why = one_node(&w, r);
		if (why) {
			ret = bad(&w, (size_t)xmlTextReaderGetParserLineNumber(r), why);
			break;
		}
	}
	/* an error that the library goes on after is one all the same */
	if (!ret && (more < 0 || w.said))
		ret = w.no_memory ? MST_FAULT_MEMORY : bad(&w, 0, "not XML");
	xmlFreeTextReader(r);
	return lacked ? no_memory(d) : ret;
}
