/* A hundred constructors, numbered from FIRST on; each checks that its turn has come. */
extern volatile int turn, out_of_order;

#define ONE(n) \
    __attribute__((constructor)) static void JOIN(construct_, n)(void) { out_of_order += turn++ != FIRST + n; }
#define JOIN(a, b) a##b
#define TEN(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
#define HUNDRED TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9)
