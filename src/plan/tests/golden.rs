//! One test a folder of `tests/plans`; the name says the rule.

use super::fixture;

macro_rules! golden {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                fixture::check(&stringify!($name).replace('_', "-"));
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

golden! {
    first_definition_wins
    scope_is_breadth_first
    main_interposes
    self_import_binds_to_itself
    interposed_self_import
    interposed_data
    preloads_come_after_main
    preload_interposes_on_first_library
    preload_is_global
    preload_needed_comes_before_local_group
    preload_is_needed_too
    local_group_does_not_leak
    global_group_is_seen_later
    global_comes_before_own_group
    deepbind_reverses
    deepbind_group_has_global_members
    reopening_globally_promotes
    group_holds_loaded_objects
    slot_of_own_segment
    slot_of_own_segment_by_another_name
    slot_in_first_importers_segment
    slot_in_segment_of_first_in_scope
    own_segment_before_importers_segment
    stub_in_segment_is_replaced
    slot_assigned
    slot_survives_later_loads
    segment_larger_than_table_size
    segment_starts_beyond_table_size
    segment_at_absolute_slot_in_library
    overlapping_segments
    alias_resolves_to_definition
    alias_chain
    alias_of_its_own_name
    alias_loop_is_no_definition
    alias_loop_undefined
    alias_through_two_of_one_name
    alias_of_host_function
    alias_of_weak_undefined
    alias_bound_by_earlier_load
    weak_undefined
    weak_defined
    undefined_are_reported_together
    lazy_lets_functions_pass
    lazy_does_not_let_data_pass
    lazy_binds_what_is_there
    weak_tag_must_be_defined
    lifecycle_exports_are_no_symbols
    initialize_import_is_warned_of
    initialize_of_another_type_is_undefined
    type_clash_function
    type_clash_first_definition_decides
    type_clashes_are_reported_together
    type_clash_behind_alias
    data_used_as_function
    data_shadows_function
    function_used_as_data
    got_entry_of_64_bits
    global_import_matches
    globals_in_a_circle
    global_of_its_own
    host_comes_after_objects
    host_overrides_objects
    host_module
    host_type_clash
    host_got_entries
    host_memory_and_table
    tag_once_a_namespace
    tag_type_clash
    tag_type_clash_with_earlier_load
    tag_defined_by_fixed_main
    unknown_tag_is_undefined
    stack_pointer_moved_out
    stack_pointer_exported
    stack_pointer_kept
    stack_pointer_kept_and_not_needed
    stack_pointer_imported
    stack_pointer_of_another_type
    memory_layout
    alignments
    alignment_of_1_gib
    alignment_beyond_1_gib
    absurd_alignment
    absurd_table_alignment
    zero_size_objects
    zero_size_object_in_full_memory
    big_bss
    landmarks
    landmarks_of_objects_win
    landmarks_of_fixed_main
    libraries_only
    fixed_main_layout
    fixed_main_with_maximum
    memory_minimum_of_an_import
    memory_maximum_of_an_import
    memory_maximum_later
    table_maximum_later
    limit_of_memory
    limit_of_memory_by_minimum
    limit_of_stack
    limit_of_table
    limit_of_table_by_assigned_slots
    limit_of_objects
    limit_of_objects_counts_loaded
    table_alignment
    later_load_fills_free_memory
    later_load_after_guest_growth
    later_load_keeps_landmarks
    later_load_binds_directly
    order_follows_needed
    order_follows_calls_without_needed
    order_cycle_of_calls
    order_main_is_last
    order_diamond
    order_three_in_a_circle
    order_preloads_before_needed
    order_later_load_constructs_new_only
    needed_by_itself
    needed_twice
    one_file_under_two_names
    one_file_under_another_name_later
    soname_is_a_name
    missing_library
    missing_preload
    strange_symbol_names
    plt_wasm
    plt_host
    plt_host_of_types_without_c_form
    later_load_grows_free_end
    host_definition_of_later_load
    data_base_of_table
    link_map
    link_map_of_fixed_main
    emscripten_gets_what_translates
}

#[test]
fn every_folder_is_a_test() {
    let mut folders: Vec<String> = std::fs::read_dir(fixture::folder())
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .replace('-', "_")
        })
        .collect();
    folders.sort();
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(folders, names);
}
