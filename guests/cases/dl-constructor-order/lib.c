int both;
