//! The value of an exported constant, kept small: a module may have very many.

use super::{Base, ConstValue, GlobalType, ValType};

/// An immutable global that holds an integer which is known, or will be once its base is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datum {
    /// Two halves, so that nothing has to be aligned for them.
    low: u32,
    high: u32,
    base: Base,
    wide: bool,
}

const _: () = assert!(size_of::<super::ExportItem>() <= 16, "each export has one");

impl Datum {
    /// `None`: a global of that type holds no integer, or can be changed.
    pub fn new(value: ConstValue, ty: GlobalType) -> Option<Datum> {
        let wide = match ty.content {
            ValType::I32 => false,
            ValType::I64 => true,
            _ => return None,
        };
        (!ty.mutable).then_some(Datum {
            low: value.offset as u32,
            high: (value.offset >> 32) as u32,
            base: value.base,
            wide,
        })
    }

    pub fn value(self) -> ConstValue {
        ConstValue {
            base: self.base,
            offset: u64::from(self.high) << 32 | u64::from(self.low),
        }
    }

    pub fn ty(self) -> GlobalType {
        GlobalType {
            content: match self.wide {
                false => ValType::I32,
                true => ValType::I64,
            },
            mutable: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_immutable_integers_are_data_and_they_are_kept_whole() {
        let all = [
            ValType::I32,
            ValType::I64,
            ValType::F32,
            ValType::F64,
            ValType::V128,
            ValType::FUNCREF,
        ];
        for (content, mutable) in all.into_iter().flat_map(|ty| [(ty, false), (ty, true)]) {
            let ty = GlobalType { content, mutable };
            for base in [Base::None, Base::Memory, Base::Table] {
                let value = ConstValue {
                    base,
                    offset: 0x1234_5678_9abc_def0,
                };
                let datum = Datum::new(value, ty).map(|datum| (datum.value(), datum.ty()));
                let integer = matches!(content, ValType::I32 | ValType::I64) && !mutable;
                assert_eq!(datum, integer.then_some((value, ty)));
            }
        }
    }
}
