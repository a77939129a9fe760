import { Field, Int, ObjectType } from '@nestjs/graphql';

/** A book, as GraphQL clients see it. */
@ObjectType('Book')
export class BookType {
  @Field(() => Int)
  readonly id!: number;

  @Field(() => String)
  readonly title!: string;

  @Field(() => String)
  readonly author!: string;
}
