const char *greeting(void) { return "Good morning"; }
const char *origin(void) { return "preload"; }
