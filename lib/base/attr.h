/*
 * Compiler attributes that gcc and clang share, and the few macros every layer uses.
 */
#ifndef MST_BASE_ATTR_H
#define MST_BASE_ATTR_H

#define MST_MUST_CHECK __attribute__((warn_unused_result))
#define MST_PRINTF(f, a) __attribute__((__format__(__printf__, f, a)))
#define MST_UNUSED __attribute__((unused))
/* What the function gives goes back to `give`, and to nobody else: gcc looks (-Wmismatched-dealloc), clang knows no such pairs. */
#ifdef __clang__
#define MST_GIVEN_TO(give) __attribute__((warn_unused_result))
#else
#define MST_GIVEN_TO(give) __attribute__((__malloc__, __malloc__(give, 1), warn_unused_result))
#endif
#define MST_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Scope clean-up for daemons and tools (never in the PURE directories, which have nothing to free):
 *     MST_CLEANUP(thing_deinit) struct thing t = { 0 };
 */
#define MST_CLEANUP(fn) __attribute__((cleanup(fn)))

#endif
