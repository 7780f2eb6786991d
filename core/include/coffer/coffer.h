/* coffer/coffer.h - every public header. */
#ifndef COFFER_COFFER_H
#define COFFER_COFFER_H

#include <coffer/version.h>
#include <coffer/error.h>
#include <coffer/types.h>
#include <coffer/facts.h>
#include <coffer/search.h>
#include <coffer/storage.h>
#include <coffer/run.h>
#include <coffer/protocol.h>
#include <coffer/access.h>
#include <coffer/auth.h>
#include <coffer/session.h>
#include <coffer/store.h>
#include <coffer/text.h>
#include <coffer/module.h>

#endif
