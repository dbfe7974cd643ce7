;; A preload and what it needs are global, even where the library loaded with it is not: a later library sees p and pn, not a.
(module
  (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
)
