extern volatile int constructed; /* counts */

/* At what count each library was constructed; 0: not yet. */
extern volatile int base_turn, left_turn, right_turn, partner_turn;

/* What the constructors saw of base_turn. */
extern volatile int left_saw_base, right_saw_base;

int turn_of_partner(void);
int right_is_constructed(void);
