typedef int function(int);

int twice(int n);
function *address_of_twice(void);
int call(function *function, int n);
