//! Functions that sections other than the code name: those that may be called from outside, or by a pointer.

use wasmparser::{
    BinaryReader, ConstExpr, ElementItems, ElementSectionReader, ExportSectionReader, ExternalKind,
    GlobalSectionReader, Operator, TableInit, TableSectionReader,
};

use super::super::fault;
use super::super::section::{self, Section};
use crate::error::Result;

/// Adds the indices of functions that a section names.
pub(super) fn functions(section: &Section<'_>, found: &mut Vec<u32>) -> Result<()> {
    let reader = section.reader();
    let read = match section.id {
        section::EXPORT => exports(reader, found),
        section::ELEMENT => elements(reader, found),
        section::GLOBAL => globals(reader, found),
        section::TABLE => tables(reader, found),
        _ => Ok(()),
    };
    read.map_err(fault::reader)
}

fn exports(reader: BinaryReader<'_>, found: &mut Vec<u32>) -> wasmparser::Result<()> {
    for export in ExportSectionReader::new(reader)? {
        let export = export?;
        if export.kind == ExternalKind::Func {
            found.push(export.index);
        }
    }
    Ok(())
}

fn elements(reader: BinaryReader<'_>, found: &mut Vec<u32>) -> wasmparser::Result<()> {
    for element in ElementSectionReader::new(reader)? {
        match element?.items {
            ElementItems::Functions(funcs) => {
                for func in funcs {
                    found.push(func?);
                }
            }
            ElementItems::Expressions(_, values) => {
                for value in values {
                    expression(&value?, found)?;
                }
            }
        }
    }
    Ok(())
}

fn globals(reader: BinaryReader<'_>, found: &mut Vec<u32>) -> wasmparser::Result<()> {
    for global in GlobalSectionReader::new(reader)? {
        expression(&global?.init_expr, found)?;
    }
    Ok(())
}

fn tables(reader: BinaryReader<'_>, found: &mut Vec<u32>) -> wasmparser::Result<()> {
    for table in TableSectionReader::new(reader)? {
        if let TableInit::Expr(value) = table?.init {
            expression(&value, found)?;
        }
    }
    Ok(())
}

fn expression(value: &ConstExpr<'_>, found: &mut Vec<u32>) -> wasmparser::Result<()> {
    for operator in value.get_operators_reader() {
        if let Operator::RefFunc { function_index } = operator? {
            found.push(function_index);
        }
    }
    Ok(())
}
