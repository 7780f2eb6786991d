/* modules/search/return.c - RETURN (...): what a SEARCH is to answer with (return.h). */
#include "return.h"

static const struct {
  const char *name;
  guint option;
} names[] = {
  { "MIN", SEARCH_RETURN_MIN },     { "MAX", SEARCH_RETURN_MAX },         { "ALL", SEARCH_RETURN_ALL },
  { "COUNT", SEARCH_RETURN_COUNT }, { "PARTIAL", SEARCH_RETURN_PARTIAL }, { "SAVE", SEARCH_RETURN_SAVE },
};

static gboolean
return_take (CfCommandCall *call, SearchReturn *self, GError **error)
{
  gpointer value;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (cf_call_lookup_parameter (call, names[i].name, &value)) {
      self->options |= names[i].option;
      if (names[i].option == SEARCH_RETURN_PARTIAL)
        self->partial = *(const CfPartial *) value;
    }
  if ((self->options & SEARCH_RETURN_ALL) != 0 && (self->options & SEARCH_RETURN_PARTIAL) != 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Either ALL or PARTIAL");
    return FALSE;
  }
  if (self->options == 0)
    self->options = SEARCH_RETURN_ALL;
  return TRUE;
}

gboolean
search_return_parse (CfCommandCall *call, SearchReturn *out_return, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  *out_return = (SearchReturn){ 0 };
  if (!cf_input_skip_word (input, "RETURN")) {
    /* RFC 9051 has no other answer than ESEARCH. */
    if (cf_session_is_enabled (cf_call_get_session (call), "IMAP4rev2"))
      out_return->options = SEARCH_RETURN_ALL;
    return TRUE;
  }
  return cf_input_space (input, error) && cf_call_parse_parameters (call, CF_PARAMETER_RETURN, error)
         && cf_input_space (input, error) && return_take (call, out_return, error);
}

CfUidSet *
search_return_select (const SearchReturn *self, const CfUidSet *found)
{
  gsize n = cf_uid_set_get_n_ranges (found);
  CfUidSet *some;

  if (n == 0 || (self->options & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT)) != 0
      || (self->options & (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_PARTIAL)) == 0)
    return cf_uid_set_copy (found);
  some = (self->options & SEARCH_RETURN_PARTIAL) != 0 ? cf_partial_apply (&self->partial, found)
                                                      : cf_uid_set_new ();
  if ((self->options & SEARCH_RETURN_MIN) != 0)
    cf_uid_set_add (some, cf_uid_set_get_range (found, 0).first);
  if ((self->options & SEARCH_RETURN_MAX) != 0)
    cf_uid_set_add (some, cf_uid_set_get_range (found, n - 1).last);
  return some;
}

/* ---- The options ---- */

#define OPTION(name, text)                                                                                   \
  static gboolean return_parse_##name (CfCommandCall *call, CfInput *input, GError **error)                  \
  {                                                                                                          \
    cf_call_set_parameter (call, text, NULL, NULL);                                                          \
    return TRUE;                                                                                             \
  }

OPTION (min, "MIN")
OPTION (max, "MAX")
OPTION (all, "ALL")
OPTION (count, "COUNT")
OPTION (save, "SAVE")

static gboolean
return_parse_partial (CfCommandCall *call, CfInput *input, GError **error)
{
  CfPartial partial;

  if (cf_call_lookup_parameter (call, "PARTIAL", NULL)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "PARTIAL is given twice");
    return FALSE;
  }
  if (!cf_input_space (input, error) || !cf_input_partial (input, &partial, error))
    return FALSE;
  cf_call_set_parameter (call, "PARTIAL", g_memdup2 (&partial, sizeof partial), g_free);
  return TRUE;
}

static const char *const commands[] = { "SEARCH", "UID SEARCH", NULL };
static const CfParameter parameters[] = {
  { commands, CF_PARAMETER_RETURN, "MIN", return_parse_min },
  { commands, CF_PARAMETER_RETURN, "MAX", return_parse_max },
  { commands, CF_PARAMETER_RETURN, "ALL", return_parse_all },
  { commands, CF_PARAMETER_RETURN, "COUNT", return_parse_count },
  { commands, CF_PARAMETER_RETURN, "PARTIAL", return_parse_partial },
  { commands, CF_PARAMETER_RETURN, "SAVE", return_parse_save },
};

gboolean
search_return_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_parameters (registrar, parameters, error);
}
