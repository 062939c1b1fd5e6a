//! The table against the recipe's fields, and its messages.

use super::*;

fn recipe() -> Recipe {
    Recipe::new(crate::recipe::ModelRef::Starter, "train.jsonl".into())
}

#[test]
fn every_row_reads_back_what_it_wrote_and_its_default_is_in_range() {
    for param in PARAMS {
        let mut recipe = recipe();
        let value = param.default();
        param.set(&mut recipe, value.clone()).unwrap();
        assert_eq!((param.get)(&recipe), value, "{}", param.key);
        assert!(find(param.key).is_some());
    }
}

#[test]
fn every_field_of_the_file_has_a_row() {
    let table: toml::Table = recipe().to_toml().unwrap().parse().unwrap();
    for section in ["lora", "training", "evaluation"] {
        for key in table[section].as_table().unwrap().keys() {
            assert!(find(&format!("{section}.{key}")).is_some(), "{section}.{key}");
        }
    }
}

#[test]
fn out_of_range_names_the_key_and_what_it_may_be() {
    let mut recipe = recipe();
    recipe.training.adam_beta2 = 1.0;
    let message = check(&recipe).unwrap_err().to_string();
    assert_eq!(message, "training.adam_beta2 is 1, but it must be a number from 0 to below 1");
}
