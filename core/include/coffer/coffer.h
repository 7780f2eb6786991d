/* coffer/coffer.h - every public header. */
#ifndef COFFER_COFFER_H
#define COFFER_COFFER_H

#include <coffer/version.h>
#include <coffer/error.h>
#include <coffer/types.h>
#include <coffer/facts.h>
#include <coffer/run.h>

#endif
