/*
 * Force-included in every PURE source file: what a pure file may not even name. The symbol check
 * (tools/check-purity) looks again at the archives. Names that our own ports use for their operations
 * (open, close, random, accept) are left to that check: poisoned, no pure file could include the port.
 */
#ifndef MST_BASE_POISON_H
#define MST_BASE_POISON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma GCC poison malloc calloc realloc free strdup strndup alloca
#pragma GCC poison printf fprintf sprintf snprintf vsnprintf vprintf puts putchar fopen fclose
#pragma GCC poison socket connect send recv select poll
#pragma GCC poison time clock_gettime gettimeofday localtime gmtime mktime strftime
#pragma GCC poison rand srand getenv setenv system exit abort
#pragma GCC poison strcpy strcat sprintf strtok sscanf atoi atol atof strtol strtoul

#endif
