//! What functions and expressions name.

use wasm_encoder::reencode::{Error as Encoding, Reencode};
use wasmparser::{ConstExpr, ElementItems, FunctionBody, Operator};

use super::module::reader;
use crate::error::Result;

/// Indices of the object's own spaces, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Refs {
    pub funcs: Vec<u32>,
    /// Functions that are named to be called by reference.
    pub taken: Vec<u32>,
    pub globals: Vec<u32>,
    /// Globals that are written.
    pub written: Vec<u32>,
    pub tables: Vec<u32>,
    pub tags: Vec<u32>,
    pub elements: Vec<u32>,
    pub data: Vec<u32>,
    writes: bool,
}

impl Refs {
    pub fn of_body(body: &FunctionBody<'_>) -> Result<Refs> {
        let mut refs = Refs::default();
        let mut operators = body.get_operators_reader().map_err(reader)?;
        while !operators.eof() {
            refs.operator(operators.read().map_err(reader)?)?;
        }
        refs.finish();
        Ok(refs)
    }

    pub fn of_expression(expression: &ConstExpr<'_>) -> Result<Refs> {
        let mut refs = Refs::default();
        for operator in expression.get_operators_reader() {
            refs.operator(operator.map_err(reader)?)?;
        }
        refs.finish();
        Ok(refs)
    }

    pub fn of_items(items: &ElementItems<'_>) -> Result<Refs> {
        let mut refs = Refs::default();
        match items {
            ElementItems::Functions(funcs) => {
                for func in funcs.clone() {
                    refs.funcs.push(func.map_err(reader)?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions.clone() {
                    for operator in expression.map_err(reader)?.get_operators_reader() {
                        refs.operator(operator.map_err(reader)?)?;
                    }
                }
            }
        }
        refs.finish();
        Ok(refs)
    }

    fn operator(&mut self, operator: Operator<'_>) -> Result<()> {
        if let Operator::RefFunc { function_index } = operator {
            self.taken.push(function_index);
        }
        self.writes = !matches!(operator, Operator::GlobalGet { .. });
        // The encoder asks for the number of all that an operator names.
        self.instruction(operator).map_err(super::rewrite::failed)?;
        Ok(())
    }

    fn finish(&mut self) {
        let Refs {
            funcs,
            taken,
            globals,
            written,
            tables,
            tags,
            elements,
            data,
            writes: _,
        } = self;
        for list in [funcs, taken, globals, written, tables, tags, elements, data] {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
    }
}

type Noted = Result<u32, Encoding<std::convert::Infallible>>;

impl Reencode for Refs {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, func: u32) -> Noted {
        self.funcs.push(func);
        Ok(func)
    }

    fn global_index(&mut self, global: u32) -> Noted {
        self.globals.push(global);
        if self.writes {
            self.written.push(global);
        }
        Ok(global)
    }

    fn table_index(&mut self, table: u32) -> Noted {
        self.tables.push(table);
        Ok(table)
    }

    fn tag_index(&mut self, tag: u32) -> Noted {
        self.tags.push(tag);
        Ok(tag)
    }

    fn element_index(&mut self, element: u32) -> Noted {
        self.elements.push(element);
        Ok(element)
    }

    fn data_index(&mut self, data: u32) -> Noted {
        self.data.push(data);
        Ok(data)
    }
}
