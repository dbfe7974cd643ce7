typedef void handler(int);

void alarm_now(int signal);
handler *handler_of_library(void);
