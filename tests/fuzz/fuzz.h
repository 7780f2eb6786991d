/* tests/fuzz/fuzz.h - what every target is: LLVMFuzzerTestOneInput(), which takes any octets and aborts when
 * something that must hold does not. README.md says how targets are built and run.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <glib.h>

G_BEGIN_DECLS

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* Aborts with the message unless @condition holds. */
#define FUZZ_CHECK(condition, ...)                                                                           \
  do {                                                                                                       \
    if (!(condition))                                                                                        \
      fuzz_fail (#condition, __FILE__, __LINE__, __VA_ARGS__);                                               \
  } while (0)

void fuzz_fail (const char *condition, const char *file, int line, const char *format, ...) G_GNUC_NORETURN
    G_GNUC_PRINTF (4, 5);

/* Call it first. From then on log lines are dropped, but that one of level "error" (the server contradicts
 * itself, or a library was used wrongly) is a finding. */
void fuzz_log_init (void);

/* The input, taken from its beginning; 0 and nothing when there is no more. */
typedef struct {
  const guint8 *data;
  gsize size;
} FuzzInput;

guint8 fuzz_take_octet (FuzzInput *input);
/* Up to the next LF, which is dropped, or the end. NUL-terminated, the caller frees; octets behind a NUL are
 * dropped. */
char *fuzz_take_line (FuzzInput *input);
/* All the rest, NUL-terminated, of its own allocation so that reading beyond it is noticed. */
char *fuzz_take_rest (FuzzInput *input, gsize *out_length);

G_END_DECLS

#endif
