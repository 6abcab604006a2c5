/* What a program is called with, and what its passes see of it. */

/* How many operations take longer than waking threads. */
#ifndef SHARED_WORK
#define SHARED_WORK 100000
#endif

/* What an element fails of: a number that stands for a place in the program (0: none), and two
 * values for the message. */
struct attend_fault {
    int64_t site, value, other;
};

/* What needed it: an element of one of the arrays. */
struct attend_failure {
    struct attend_fault fault;
    int64_t place, element;
};

/* An array of the caller: strides in elements, of any sign, or 0; NULL for rows without gaps. */
struct attend_view {
    void *data;
    const int64_t *strides;
};

struct attend_call {
    const int64_t *extents;           /* of the axes, in the order above */
    const struct attend_view *arrays; /* given ones and outputs, in the order above */
    void *workspace;                  /* aligned to 64 bytes */
    size_t workspace_bytes;
    uint64_t seed, run;               /* of draws */
    int threads;                      /* at least 1 */
    struct attend_failure *failure;   /* filled when a run gives 1 */
    uint64_t *counters;               /* NULL, or of code that counts */
};

/* Memory that is needed from one time of a run to another. */
struct attend_block {
    size_t bytes;     /* of an element */
    int rank;
    const int *axes;  /* k: the extent of axis k; negative: so many; or ATTEND_THREADS */
    int first, last;  /* times: those in between are its life */
    int group;        /* each thread has one, in group g - 1; 0: there is one for all */
};

/* Passes that run together for so many indices of an axis at a time as the extent of `rows`, and
 * for one of each of the axes `single`. most: so many indices at most; 0: as the extents
 * suggest. */
struct attend_group {
    int axis, rows, singles;
    const int *single;
    int64_t most;
};

/* CONVERTED: an output of reals that passes also read: rounded to `given` at the end. */
#define ATTEND_THREADS INT32_MIN

enum { ATTEND_IN = 1, ATTEND_OUT = 2, ATTEND_CONVERTED = 4 };

struct attend_program {
    int views, places, scratch, blocks;
    const struct attend_block *block;  /* one a place, then those of faults, then scratch */
    const unsigned char *uses;         /* by view: ATTEND_IN and so on */
    const int *fault_blocks;           /* by place, 0: none */
    const int *order;                  /* by place: which of the program's statements writes it */
    int axes, groups;
    const struct attend_group *group;
};

struct attend_frame {
    const struct attend_call *call;
    const struct attend_program *program;
    const int64_t *extents;
    void *const *arrays;                /* by place, rows without gaps */
    struct attend_fault *const *faults; /* by place, one an element; NULL: none can fail */
    bool *const *faulty;                /* by place: some element has a fault; else its faults may
                                           be anything, for nobody looks at them */
    const size_t *offsets;              /* of blocks in the workspace */
    int level;                          /* of loops that threads share, around the call */
    signed char *finite;                /* by place: 1: all elements are, -1: not all; 0: unknown */
};

/* Keeps the failure of an output's element, if it is the first of its pass and no pass before that
 * failed: passes that run together fail in any order. */
static void attend_fail(const struct attend_frame *frame, struct attend_fault fault, int64_t place,
                        int64_t element) {
#pragma omp critical(attend_failure)
    {
        struct attend_failure *first = frame->call->failure;
        const int *order = frame->program->order;
        bool none = first->fault.site == 0;
        int before = none ? 0 : order[place] - order[first->place];
        if (none || before < 0 || (before == 0 && element < first->element))
            *first = (struct attend_failure){fault, place, element};
    }
}

static inline bool attend_is_faulty(const struct attend_frame *frame, int place) {
    bool faulty;
#pragma omp atomic read
    faulty = *frame->faulty[place];
    return faulty;
}

static inline void attend_note(bool *failed) {
#pragma omp atomic write
    *failed = true;
}

static inline bool attend_failed(const struct attend_frame *frame) {
    return frame->call->failure->fault.site != 0;
}
