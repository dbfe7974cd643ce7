char tiny = 5;
