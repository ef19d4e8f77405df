/* What the tools of tests/perf share: the fixed pre-shared key of the bare measurements, which protects
 * nothing. */
#ifndef PERF_H
#define PERF_H

#define PERF_PSK_IDENTITY "0123456789ABCDEF0123456789ABCDEF@mef.example.com"
#define PERF_PSK_KEY      "muster tests/perf: a public key." /* 32 octets and their NUL */
#define PERF_SECONDS_MAX  600

#endif
