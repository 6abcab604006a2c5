#include "ref/ref_int.h"
void at_find_scatters(at_lowering *l, const at_expr *e) { (void)l; (void)e; }
void at_scatter_run(at_ref *ref, const at_scatter *s) { (void)ref; (void)s; }
