/* ref: the reference executor. Its results are the meaning of the language: each equation evaluated
 * whole, in float64, in order, by a small bytecode. Every other path is judged against it. */
#ifndef AT_REF_H
#define AT_REF_H

#include "call/call.h"

/* Runs a cascade. False after errors; results then are empty. Bitwise the same for any number of
 * threads. Memory is counted before anything is allocated. Thread-safe for different sessions. */
bool at_ref_run(at_session *s, const at_cascade *cascade, const at_call *call, at_results *results);

#endif
